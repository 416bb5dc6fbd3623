#ifndef PILOTFISH_CLI_INTERRUPT_H_
#define PILOTFISH_CLI_INTERRUPT_H_

namespace pilotfish::cli {

// While one lives, Ctrl-C (SIGINT) sets a flag instead of ending the program,
// and makes a blocked read return. One at a time.
class InterruptFlag {
 public:
  InterruptFlag();
  ~InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;

  bool raised() const;
  void clear();
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_INTERRUPT_H_
