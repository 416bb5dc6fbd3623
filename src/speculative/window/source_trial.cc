#include "speculative/window/source_trial.h"

#include <algorithm>
#include <cassert>

namespace pilotfish {
namespace {

constexpr double kDecay = 0.94;  // some sixteen windows count

constexpr std::int64_t kFirstRest = 16;  // tokens
constexpr std::int64_t kLongestRest = 64;
// Windows after which a source that was taken up has proved itself.
constexpr std::int64_t kProved = 16;

// What trying may cost, of the time.
constexpr double kAllowance = 0.015;
// Tries that are paid for in advance at the most.
constexpr double kMostSaved = 2;

// A source that guessed right when it was tried.
constexpr double kHope = 0.6;

}  // namespace

void TrySavings::save(double passes) { saved_ += kAllowance * passes; }

bool TrySavings::set_aside(double cost) {
  saved_ = std::min(saved_, kMostSaved * cost);
  if (saved_ - aside_ < cost) return false;
  aside_ += cost;
  return true;
}

SourceTrial::SourceTrial(const AcceptanceEstimate& usual)
    : acceptance_(kDecay, &usual), rest_(kFirstRest) {}

SourceTrial::Use SourceTrial::next_use(bool pays, double cost,
                                       TrySavings& savings) {
  if (pays) {
    if (state_ != State::kInUse) take_up();
    return Use::kFull;
  }
  if (state_ == State::kInUse) rest();
  if (state_ == State::kResting && rested_ >= rest_ &&
      savings.set_aside(cost)) {
    state_ = State::kTrying;
  }
  return state_ == State::kTrying ? Use::kTry : Use::kNone;
}

void SourceTrial::take_up() {
  state_ = State::kInUse;
  windows_ = 0;
}

void SourceTrial::rest() {
  rest_ = windows_ >= kProved ? kFirstRest : std::min(2 * rest_, kLongestRest);
  state_ = State::kResting;
  const bool drafted = windows_ > 0 || has_rested_;
  rested_ = drafted ? 0 : rest_;
  has_rested_ = true;
}

bool SourceTrial::drafted(std::int64_t drafted, std::int64_t accepted,
                          std::span<const double> confidences) {
  assert(drafted > 0);
  behind_ = 0;
  if (state_ == State::kInUse) ++windows_;
  const bool proved = state_ == State::kInUse && windows_ > kProved;
  const bool settles = has_rested_ && !proved;
  if (state_ == State::kTrying) {
    if (accepted > 0) {
      acceptance_.restart(kHope);
      take_up();
    } else {
      rest();
    }
  }
  acceptance_.add(drafted, accepted, confidences);
  return settles;
}

bool SourceTrial::left_out(std::int64_t emitted) {
  behind_ += emitted;
  if (state_ == State::kInUse) return false;
  rested_ += emitted;
  return true;
}

}  // namespace pilotfish
