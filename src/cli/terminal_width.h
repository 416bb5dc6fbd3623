#ifndef PILOTFISH_CLI_TERMINAL_WIDTH_H_
#define PILOTFISH_CLI_TERMINAL_WIDTH_H_

#include <string>
#include <string_view>

// What is written to people fits their terminals, from 20 columns upwards.
namespace pilotfish::cli {

// Columns of the terminal; 80 where there is none, or it does not say.
int stdout_columns();
int stderr_columns();

// The text with its lines broken at spaces, so that none has more than
// `columns` characters, nor more than 80, unless a word has. Characters are
// taken to be one column wide.
std::string wrapped(std::string_view text, int columns);

// "loading target [==========              ]  42 %, 7 s left" in fewer than
// `columns` columns. Where there is no room, the bar gets shorter, then the
// time goes, then the bar, and then the end of the label, which is ASCII.
// `left` may be empty.
std::string progress_line(std::string_view label, double fraction,
                          std::string_view left, int columns);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_TERMINAL_WIDTH_H_
