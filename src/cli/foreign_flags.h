#ifndef PILOTFISH_CLI_FOREIGN_FLAGS_H_
#define PILOTFISH_CLI_FOREIGN_FLAGS_H_

#include <span>
#include <string_view>
#include <vector>

namespace pilotfish::cli {

// What llama.cpp's users type: names of its flags that are not names of ours.
struct ForeignFlag {
  // llama.cpp's, separated by commas, as in "-ctk,--cache-type-k".
  std::string_view names;
  // The flag of ours that they are read as, in commands that have it. Empty:
  // none, and `advice` is what to do instead.
  std::string_view ours;
  std::string_view advice = {};
};

std::span<const ForeignFlag> foreign_flags();

// The entry that has this name, dashes included; nullptr: none.
const ForeignFlag* find_foreign_flag(std::string_view name);

// The names in a list such as "-ctk,--cache-type-k".
std::vector<std::string_view> names_in(std::string_view list);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_FOREIGN_FLAGS_H_
