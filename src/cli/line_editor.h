#ifndef PILOTFISH_CLI_LINE_EDITOR_H_
#define PILOTFISH_CLI_LINE_EDITOR_H_

#include <memory>
#include <optional>
#include <string>

#include "cli/interrupt.h"

namespace pilotfish::cli {

// Lines that a user types on the terminal of standard input, edited with the
// keys that shells have; earlier ones come back with the up key and Ctrl-R. The
// terminal shows them through standard error, so that standard output holds
// answers alone. Keys can be bound in ~/.editrc. The history is forgotten with
// this: conversations are not written to disk.
class LineEditor {
 public:
  // Whether the two are a terminal on which lines can be edited.
  static bool possible();

  // One at a time. Requires: possible().
  explicit LineEditor(InterruptFlag& interrupt);
  ~LineEditor();

  enum class Ending { kLine, kInterrupt, kEndOfInput };
  // Reads a line, behind a prompt `sign`, without its line break. Ctrl-C throws
  // away what was typed; the flag stays raised.
  Ending read(const std::string& sign, std::string& line);
  // Makes it the latest line of the history.
  void remember(const std::string& line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_LINE_EDITOR_H_
