#ifndef PILOTFISH_CLI_LINE_READER_H_
#define PILOTFISH_CLI_LINE_READER_H_

#include <optional>
#include <string>

#include "cli/interrupt.h"
#include "cli/line_editor.h"

namespace pilotfish::cli {

// A user's lines from a file descriptor, with a prompt sign if it is a
// terminal; edited ones, if it is that of standard input. Nothing else may read
// from the descriptor.
class LineReader {
 public:
  LineReader(InterruptFlag& interrupt, int file);

  // The next line without its line break ("\n" or "\r\n"); a line that ends
  // with \ goes on in the next. nullopt at the end of the input, or when Ctrl-C
  // came twice; the first throws away what was typed.
  std::optional<std::string> read();

 private:
  using Ending = LineEditor::Ending;

  Ending read_line(const char* sign, std::string& line);
  Ending read_unedited(const char* sign, std::string& line);
  bool take_line(std::string& line);
  bool read_more();

  InterruptFlag& interrupt_;
  int file_;
  bool is_terminal_;
  std::optional<LineEditor> editor_;
  std::string read_ahead_;  // not taken yet, where there is no editor
  size_t searched_ = 0;     // of it, without a line break
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_LINE_READER_H_
