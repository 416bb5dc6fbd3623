#ifndef PILOTFISH_CLI_NEAREST_NAME_H_
#define PILOTFISH_CLI_NEAREST_NAME_H_

#include <span>
#include <string>
#include <string_view>

namespace pilotfish::cli {

// Of `names`, the one that `word` is most likely a misspelling of: the fewest
// letters that are missing, too many, wrong or swapped with their neighbour.
// Empty where all of them differ too much from it.
std::string nearest_name(std::string_view word,
                         std::span<const std::string> names);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_NEAREST_NAME_H_
