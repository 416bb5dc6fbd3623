#ifndef PILOTFISH_CLI_ARGUMENTS_H_
#define PILOTFISH_CLI_ARGUMENTS_H_

#include <span>
#include <string>
#include <vector>

namespace pilotfish::cli {

// What has to be known of a command to read its arguments.
struct KnownFlag {
  std::vector<std::string> names;  // dashes included, the usual one first
  int fewest_values = 0;           // 0: a switch
  int most_values = 0;
  bool repeatable = false;
};
struct KnownCommand {
  std::string name;  // with the program's: "pilotfish generate"
  std::vector<KnownFlag> flags;
  size_t positionals = 0;  // arguments without a flag that it takes
};

// The arguments as the parser behind takes them: a flag has its usual name and
// its values after it, what belongs to no flag comes last, behind "--". This
// reads the forms --name=VALUE and -n5 (a number right behind a short name, and
// nothing but a number), names of several letters behind one dash, which are
// names of their own, and llama.cpp's names (foreign_flags.h).
//
// Throws UsageError for an unknown name, with the name that is meant or what to
// do instead where that can be said; for a missing value, a value of a switch,
// and more arguments than the command takes.
std::vector<std::string> plain_arguments(
    const KnownCommand& command, std::span<const std::string> arguments);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_ARGUMENTS_H_
