#ifndef PILOTFISH_CLI_INTERRUPT_H_
#define PILOTFISH_CLI_INTERRUPT_H_

namespace pilotfish::cli {

// While one lives, Ctrl-C (SIGINT) raises it instead of ending the program;
// reads and writes under way go on. One at a time. Throws Error where the
// system has no file descriptor left.
class InterruptFlag {
 public:
  InterruptFlag();
  ~InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;

  bool raised() const;
  void clear();

  // Waits until `file` can be read without blocking. False: the flag is raised,
  // be it since before the call.
  bool wait_to_read(int file) const;

 private:
  int event_;  // an eventfd, readable while the flag is raised
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_INTERRUPT_H_
