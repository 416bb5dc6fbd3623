#ifndef PILOTFISH_CONSTRAINT_EFFORT_H_
#define PILOTFISH_CONSTRAINT_EFFORT_H_

#include <cstdint>

namespace pilotfish {

// Limits the work of compiling a constraint, whichever part of its source makes
// it expensive. While an Effort lives, the steps that its thread takes
// on automata and schemas are counted. An Effort inside another one counts for
// the outer one.
class Effort {
 public:
  // Steps of some ten nanoseconds.
  static constexpr std::int64_t kMost = std::int64_t{1} << 26;

  explicit Effort(std::int64_t most = kMost);
  ~Effort();
  Effort(const Effort&) = delete;
  Effort& operator=(const Effort&) = delete;

  // Throws UsageError once this thread's Effort has no steps left. Counts
  // nothing where there is no Effort.
  static void spend(std::int64_t steps);

  // Steps that were taken so far.
  std::int64_t spent() const { return most_ - left_; }

 private:
  const std::int64_t most_;
  std::int64_t left_;
  bool is_outermost_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_EFFORT_H_
