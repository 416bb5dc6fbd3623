#ifndef PILOTFISH_SPECULATIVE_WINDOW_SOURCE_TRIAL_H_
#define PILOTFISH_SPECULATIVE_WINDOW_SOURCE_TRIAL_H_

#include <cstdint>
#include <span>

#include "speculative/window/acceptance_estimate.h"

namespace pilotfish {

// The time that tries of a source may take, in plain passes: a small share of
// all that goes by while it rests. All sequences save and spend together, since
// a try holds up the whole batch; so what tries cost stays bounded however
// hopeless the source, however many the sequences and however short they are.
class TrySavings {
 public:
  // Of the time that went by while the source rested.
  void save(double passes);
  // Of a window of an unproved source: what it brought in, beyond what it cost.
  void settle(double passes) { saved_ += passes; }
  // Whether a try of such a cost is saved for; then it is set aside until the
  // next iteration, in which it is settled.
  bool set_aside(double cost);
  void next_iteration() { aside_ = 0; }

 private:
  double saved_ = 0;
  double aside_ = 0;
};

// How a source of drafts does for one sequence, and whether it is in use.
//
// One that does not pay rests, and is tried with a window of its own now and
// then: after ever more tokens, and never before enough has been saved up. A
// try that succeeds takes it up again.
class SourceTrial {
 public:
  // `usual`, how it does for all sequences, must outlive this.
  explicit SourceTrial(const AcceptanceEstimate& usual);

  const AcceptanceEstimate& acceptance() const { return acceptance_; }
  std::int64_t behind() const { return behind_; }  // tokens since it drafted

  enum class Use { kFull, kTry, kNone };
  // Of the next window, where the source is expected to pay, or is not.
  // `cost`: of a try that fails, in plain passes.
  Use next_use(bool pays, double cost, TrySavings& savings);

  // The source drafted a window. Returns whether what that cost is to be
  // settled with the savings. Requires: drafted > 0.
  bool drafted(std::int64_t drafted, std::int64_t accepted,
               std::span<const double> confidences);
  // It did not, and the sequence grew by so many tokens. Returns whether it
  // rests.
  bool left_out(std::int64_t emitted);

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
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_SOURCE_TRIAL_H_
