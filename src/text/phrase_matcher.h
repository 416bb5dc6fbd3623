#ifndef PILOTFISH_TEXT_PHRASE_MATCHER_H_
#define PILOTFISH_TEXT_PHRASE_MATCHER_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// Finds the leftmost, and there the longest, of a set of phrases in a text.
// Immutable and thread-safe.
class PhraseMatcher {
 public:
  struct Match {
    size_t begin = 0;
    size_t end = 0;
    Token token = 0;
  };

  PhraseMatcher() = default;
  // Empty phrases are left out; of equal ones the first is kept.
  explicit PhraseMatcher(std::vector<std::pair<std::string, Token>> phrases);

  bool empty() const { return phrases_.empty(); }

  // The first match that begins at `from` or later.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  std::optional<Match> longest_at(std::string_view text, size_t begin) const;

  std::vector<std::pair<std::string, Token>> phrases_;  // sorted by text
  std::array<bool, 256> begins_{};  // whether a phrase begins with the byte
};

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_PHRASE_MATCHER_H_
