#ifndef PILOTFISH_SPECULATIVE_WINDOW_SOURCE_TRIAL_H_
#define PILOTFISH_SPECULATIVE_WINDOW_SOURCE_TRIAL_H_

#include <cstdint>
#include <span>

#include "speculative/window/acceptance_estimate.h"

namespace pilotfish {

// How a source of drafts does for one sequence, and whether it is in use.
//
// One that does not pay rests, and is tried with a window of its own now and
// then: after ever more tokens, and never before a small share of the time has
// been saved up that covers what the try costs beyond plain decoding. So the
// cost stays bounded however hopeless the source. A try that succeeds takes it
// up again.
class SourceTrial {
 public:
  // `usual`, how it does for all sequences, must outlive this.
  explicit SourceTrial(const AcceptanceEstimate& usual);

  const AcceptanceEstimate& acceptance() const { return acceptance_; }
  std::int64_t behind() const { return behind_; }  // tokens since it drafted

  enum class Use { kFull, kTry, kNone };
  // Of the next window, where the source is expected to pay, or is not.
  // `cost`: of a try that fails, in plain passes.
  Use next_use(bool pays, double cost);

  // The source drafted a window. `passes`: what the iteration took, in plain
  // passes. Requires: drafted > 0.
  void drafted(std::int64_t drafted, std::int64_t accepted,
               std::span<const double> confidences, double passes);
  // It did not, and the sequence grew by so many tokens.
  void left_out(std::int64_t emitted);

 private:
  enum class State { kInUse, kResting, kTrying };

  void rest();
  void take_up();

  AcceptanceEstimate acceptance_;
  State state_ = State::kInUse;
  std::int64_t windows_ = 0;  // drafted since it was taken up
  std::int64_t behind_ = 0;
  std::int64_t rested_ = 0;  // tokens since it was last tried
  std::int64_t rest_;        // how many it takes until the next try
  bool has_rested_ = false;
  double saved_ = 0;  // for tries, in plain passes
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_SOURCE_TRIAL_H_
