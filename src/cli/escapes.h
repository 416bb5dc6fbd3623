#ifndef PILOTFISH_CLI_ESCAPES_H_
#define PILOTFISH_CLI_ESCAPES_H_

#include <string>
#include <string_view>

namespace pilotfish::cli {

// `text` with \n, \r, \t, \', \", \\ and \xHH read as the characters they stand
// for, as llama.cpp reads them. Other backslashes stay.
std::string without_escapes(std::string_view text);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_ESCAPES_H_
