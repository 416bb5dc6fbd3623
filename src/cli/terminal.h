#ifndef PILOTFISH_CLI_TERMINAL_H_
#define PILOTFISH_CLI_TERMINAL_H_

#include <chrono>
#include <string>
#include <string_view>

namespace pilotfish::cli {

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();
// A terminal that shows colours, and a user who did not refuse them (NO_COLOR,
// see https://no-color.org).
bool stdout_has_colours();

// Writes to standard output at once, so that text appears as it comes. Throws
// Error where it cannot be written (a full disk). A reader that went away ends
// the program quietly, by SIGPIPE.
void write_out(std::string_view text);

// Writes to standard error. What it does not take is lost, and error_lost says
// so: nothing stops because a remark cannot be made.
void write_error(std::string_view text);
// A line on standard error.
void print_note(std::string_view text);
// Whether standard error was open and failed to take something.
bool error_lost();

// To be called before anything else: gives standard input, output and error,
// where they are closed, a descriptor that fails as a closed one does. Else the
// next file that is opened would be taken for one of them. A reader of standard
// output that goes away ends the program from here on.
void prepare_standard_streams();

// All of standard input or of a file, as it is. Throw Error.
std::string read_stdin();
std::string read_file(const std::string& path);

// "loading target [==========              ]  42 %, 7 s left" on standard
// error, for what takes more than a second, and only on a terminal. Erased at
// the end.
class Progress {
 public:
  explicit Progress(std::string label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(double fraction);

 private:
  std::string label_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_;
  bool visible_ = false;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_TERMINAL_H_
