#ifndef PILOTFISH_CLI_FLAG_RULES_H_
#define PILOTFISH_CLI_FLAG_RULES_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pilotfish::cli {

// What the value of a flag may be, and what the flag takes beside it.
struct FlagRules {
  // Something else that has to be said, or the flag has no effect.
  struct Need {
    std::string what;  // "--chat"
    std::function<bool()> met;
  };

  bool may_be_empty = false;
  bool comma_separated = false;
  bool repeatable = false;
  bool takes_several = false;  // arguments after its name
  bool has_escapes = false;    // where -e is given
  std::optional<std::pair<std::int64_t, std::int64_t>> range = {};
  std::vector<std::string> offered = {};  // values that completion knows
  std::vector<Need> needs = {};
  // Whether other flags are given that do as well, where one needs this one.
  std::vector<std::function<bool()>> stand_ins = {};
};

// The values that a flag was given, out of the arguments after its name: the
// last ones unless it is repeatable, split at commas where it is a list.
// Throws UsageError, naming the flag, for an empty one where none may be.
std::vector<std::string> values_of(const std::string& flag,
                                   std::vector<std::string> arguments,
                                   const FlagRules& rules);

// The parts of a text between its commas, of which there is at least one; each
// may be empty.
std::vector<std::string> split_at_commas(const std::string& text);

// A value as what the flag is for: std::string, int, std::int64_t,
// std::uint64_t or double. Throws UsageError, naming flag and value, unless the
// whole text is a number of this type and within the range.
template <typename T>
T parse_value(const std::string& flag, const std::string& text,
              const FlagRules& rules);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_FLAG_RULES_H_
