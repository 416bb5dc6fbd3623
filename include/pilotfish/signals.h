#ifndef PILOTFISH_SIGNALS_H_
#define PILOTFISH_SIGNALS_H_

#include <filesystem>

// What happens to files when a signal ends the program.
namespace pilotfish {

// For the start of main(). The library handles no signal unless a program asks
// for it here:
// - Before HUP, INT, QUIT, PIPE, TERM or XCPU ends the program, whatever a
//   TemporaryPath guards is removed. The program still ends by that signal.
// - XFSZ is ignored, so that a file beyond the limit fails as a full disk does.
// - A model file that is truncated, or whose disk fails, while it is in use
//   ends the program with one line on standard error and status 1, in place of
//   SIGBUS.
// A signal that is ignored or already has a handler keeps it. BUS is the
// exception: its earlier handler gets only what no mapped file has caused.
void install_signal_handlers();

// Guards a file or folder that is not finished: removes it, with what the
// folder holds, when it goes out of scope or when a signal ends the program.
// The name may be guarded before there is anything under it. Two threads must
// not use one object at the same time.
class TemporaryPath {
 public:
  explicit TemporaryPath(std::filesystem::path path);
  ~TemporaryPath();
  TemporaryPath(TemporaryPath&& other) noexcept;
  TemporaryPath& operator=(TemporaryPath&&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Leaves what is under the name alone from now on: it is finished, or has
  // another name.
  void release() noexcept;

 private:
  std::filesystem::path path_;
  void* entry_;  // in the list that signal handlers read; null: none
};

}  // namespace pilotfish

#endif  // PILOTFISH_SIGNALS_H_
