#ifndef PILOTFISH_SPECULATIVE_TESTING_WINDOW_SIMULATION_H_
#define PILOTFISH_SPECULATIVE_TESTING_WINDOW_SIMULATION_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "pilotfish/random.h"
#include "speculative/drafter.h"
#include "speculative/testing/keyed_sequence.h"
#include "speculative/window_policy.h"

namespace pilotfish::test {

// What decoding costs, in plain passes.
struct SimulatedCosts {
  std::function<double(std::int64_t rows)> verify;  // v, v(1) = 1
  double draft = 0.1;  // c; of a whole draft where the source copies
  double encode = 0;   // of a token that the drafter missed
  bool noisy = true;   // times as measured; what counts is exact
  // The first passes of a kind are measured so much too long: memory is touched
  // that never was before.
  double cold_draft = 1;
  double cold_verify = 1;
};

// Texts, and how well a source of drafts guesses them.
struct SimulatedTexts {
  std::function<double(std::int64_t place)> acceptance;  // mean, at a place
  bool samples = true;  // and tells how sure it is, about
  std::int64_t tokens = 500;
  std::int64_t texts = 4;  // one after the other
};

// Decodes simulated texts without models and clocks: a policy is told the times
// that decoding would take, and charged the cost.
class WindowSimulation {
 public:
  WindowSimulation(SimulatedCosts costs, SimulatedTexts texts,
                   std::uint64_t seed)
      : costs_(std::move(costs)), texts_(std::move(texts)), random_(seed) {}

  // Plain passes' time in all, with windows that the policy chooses.
  double time(WindowPolicy& policy) {
    double time = 0;
    for (text_ = 0; text_ < texts_.texts; ++text_) {
      SequenceOptions options;
      options.prompt = {0};
      const KeyedSequence sequence(options);
      behind_ = 0;
      for (std::int64_t place = 0; place < texts_.tokens;) {
        time += iterate(policy, sequence, place);
      }
    }
    return time;
  }

  double time(std::int64_t window);

  std::vector<std::int64_t> windows() const { return windows_; }  // [k]

 private:
  double uniform(std::int64_t place, RandomRole role) const {
    return random_.uniform(static_cast<std::uint64_t>(place), role,
                           static_cast<std::uint32_t>(text_));
  }

  // Easy and hard tokens, as in real texts.
  double acceptance(std::int64_t place) const {
    constexpr double kEasy = 0.97;
    constexpr double kHard = 0.35;
    const double mean = texts_.acceptance(place);
    if (mean <= kHard) return mean;
    const double easy = (mean - kHard) / (kEasy - kHard);
    return uniform(place, RandomRole::kTarget) < easy ? kEasy : kHard;
  }

  double confidence(std::int64_t place) const {
    const double off = uniform(place, RandomRole::kDraft) - 0.5;
    return std::clamp(acceptance(place) + 0.3 * off, 0.0, 1.0);
  }

  std::int64_t draft(DraftGuide& guide, std::int64_t place) const {
    const std::int64_t most = std::min(guide.most(), texts_.tokens - place - 1);
    if (!texts_.samples) return most;
    std::int64_t drafted = 0;
    for (bool more = most > 0; more && drafted < most; ++drafted) {
      more = guide.drafted(confidence(place + drafted));
    }
    return drafted;
  }

  // A machine that is disturbed now and then.
  double measured(double seconds) {
    if (!costs_.noisy) return seconds;
    const double u = uniform(passes_++, RandomRole::kNoise);
    const double v = uniform(passes_++, RandomRole::kNoise);
    return seconds * (1 + 0.08 * u) * (v < 0.03 ? 1 + 4 * u : 1);
  }

  double iterate(WindowPolicy& policy, const Sequence& sequence,
                 std::int64_t& place) {
    const std::int64_t drafted = draft(policy.plan(sequence, 1), place);
    std::int64_t accepted = 0;
    while (accepted < drafted &&
           uniform(place + accepted, RandomRole::kAccept) <
               acceptance(place + accepted)) {
      ++accepted;
    }
    double drafting = 0;
    if (texts_.samples) {
      drafting = costs_.draft * static_cast<double>(drafted);
      if (drafted > 0) {
        drafting += costs_.encode * static_cast<double>(std::min<std::int64_t>(
                                        std::exchange(behind_, 0),
                                        DraftRequest::kShortContext));
      } else {
        ++behind_;
      }
    } else if (drafted > 0) {
      drafting = costs_.draft;
    }
    const double verifying = costs_.verify(1 + drafted);
    const WindowOutcome outcome = {sequence.key, drafted, drafted, accepted};
    constexpr double kPlain = 3e-3;  // seconds
    const bool first_draft = drafted > 0 && !std::exchange(has_drafted_, true);
    const bool first_rows = drafted > 0 && seen_.insert(drafted).second;
    policy.observe(
        {{&outcome, 1},
         measured(kPlain * drafting * (first_draft ? costs_.cold_draft : 1)),
         measured(kPlain * verifying * (first_rows ? costs_.cold_verify : 1)),
         false});
    place += accepted + 1;
    windows_.resize(
        std::max(windows_.size(), static_cast<size_t>(drafted + 2)));
    ++windows_[static_cast<size_t>(drafted + 1)];
    return drafting + verifying;
  }

  SimulatedCosts costs_;
  SimulatedTexts texts_;
  Random random_;
  std::int64_t text_ = 0;
  std::int64_t behind_ = 0;
  std::int64_t passes_ = 0;
  bool has_drafted_ = false;
  std::set<std::int64_t> seen_;  // drafts of so many tokens
  std::vector<std::int64_t> windows_;
};

// Always the same window.
class FixedWindow final : public WindowPolicy, private DraftGuide {
 public:
  explicit FixedWindow(std::int64_t window) : window_(window) {}

  DraftGuide& plan(const Sequence&, std::int64_t) override { return *this; }
  void observe(const IterationOutcome&) override {}

 private:
  std::int64_t most() const override { return window_ - 1; }
  std::int64_t ask(std::size_t) override { return window_ - 1; }
  bool drafted(double) override { return true; }
  bool worth(std::int64_t, double) override { return true; }

  std::int64_t window_;
};

inline double WindowSimulation::time(std::int64_t window) {
  FixedWindow policy(window);
  return time(policy);
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_WINDOW_SIMULATION_H_
