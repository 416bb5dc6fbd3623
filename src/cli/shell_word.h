#ifndef PILOTFISH_CLI_SHELL_WORD_H_
#define PILOTFISH_CLI_SHELL_WORD_H_

#include <string>
#include <string_view>

namespace pilotfish::cli {

// Any text in single quotes, as a POSIX shell reads it back.
std::string shell_quoted(std::string_view text);

// The same, without the quotes where no character needs them.
std::string shell_word(std::string_view text);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SHELL_WORD_H_
