#ifndef PILOTFISH_ERROR_H_
#define PILOTFISH_ERROR_H_

#include <stdexcept>
#include <string>

namespace pilotfish {

// What every fallible call of pilotfish throws on bad input. The message is one
// line: where (file, tensor or key), what was found and what was expected, and
// what to do where that is not plain. A broken invariant of pilotfish's own
// asserts instead.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

// The caller asked for something that cannot be: an unknown acceptor, a
// temperature below zero. The command line exits with 2 for these, with 1 for
// every other Error.
class UsageError : public Error {
 public:
  using Error::Error;
};

}  // namespace pilotfish

#endif  // PILOTFISH_ERROR_H_
