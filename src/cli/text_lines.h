#ifndef PILOTFISH_CLI_TEXT_LINES_H_
#define PILOTFISH_CLI_TEXT_LINES_H_

#include <string>
#include <string_view>
#include <vector>

namespace pilotfish::cli {

// The lines of a text without their ends ("\n" or "\r\n"). What follows the
// last end counts as a line where it is not empty.
std::vector<std::string> text_lines(std::string_view text);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_TEXT_LINES_H_
