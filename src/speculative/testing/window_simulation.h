#ifndef PILOTFISH_SPECULATIVE_TESTING_WINDOW_SIMULATION_H_
#define PILOTFISH_SPECULATIVE_TESTING_WINDOW_SIMULATION_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "pilotfish/random.h"
#include "speculative/drafter.h"
#include "speculative/testing/keyed_sequence.h"
#include "speculative/window_policy.h"

namespace pilotfish::test {

// v by a table, proportional beyond it.
inline std::function<double(std::int64_t)> table(std::vector<double> values) {
  return [values](std::int64_t rows) {
    const auto known = std::ssize(values);
    return rows <= known ? values[static_cast<size_t>(rows - 1)]
                         : values.back() * static_cast<double>(rows) /
                               static_cast<double>(known);
  };
}

inline std::function<double(std::int64_t)> line(double slope) {
  return [slope](std::int64_t rows) {
    return 1 + slope * static_cast<double>(rows - 1);
  };
}

// What decoding costs, in plain passes of one sequence.
struct SimulatedCosts {
  std::function<double(std::int64_t rows)> verify;  // v, v(1) = 1
  double draft = 0.1;  // c; of a whole draft where the source copies
  double encode = 0;   // of a token that the drafter missed
  bool noisy = true;   // times as measured; what counts is exact
  // The first passes of a kind are measured so much too long: memory is touched
  // that never was before.
  double cold_draft = 1;
  double cold_verify = 1;
  // What a sequence more adds to a drafting pass, as a share of `draft`.
  double draft_growth = 0;
  double prompt = 0;  // of encoding one
};

// Texts, and how well a source of drafts guesses them.
struct SimulatedTexts {
  std::function<double(std::int64_t place)> acceptance;  // mean, at a place
  bool samples = true;  // and tells how sure it is, about
  std::int64_t tokens = 500;
  std::int64_t texts = 4;    // one after the other
  std::int64_t streams = 1;  // at a time, of so many texts each
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
    std::vector<Stream> streams;
    for (std::int64_t i = 0; i < texts_.streams; ++i) {
      streams.push_back({.text = i * texts_.texts, .slot = i});
    }
    double time = 0;
    while (!streams.empty()) {
      time += iterate(policy, streams);
      std::erase_if(streams, [&](Stream& stream) {
        if (stream.place < texts_.tokens) return false;
        ++stream.text;
        stream.place = 0;
        stream.sequence = nullptr;
        return stream.text % texts_.texts == 0;
      });
    }
    return time;
  }

  double time(std::int64_t window);

  std::vector<std::int64_t> windows() const { return windows_; }  // [k]

 private:
  // Some texts, one after the other.
  struct Stream {
    std::int64_t text;
    std::int64_t slot;
    std::int64_t place = 0;
    std::int64_t behind = 0;  // tokens that the drafter missed
    std::unique_ptr<KeyedSequence> sequence = nullptr;  // once it has a prompt
  };

  double uniform(const Stream& stream, std::int64_t place,
                 RandomRole role) const {
    return random_.uniform(static_cast<std::uint64_t>(place), role,
                           static_cast<std::uint32_t>(stream.text));
  }

  // Easy and hard tokens, as in real texts.
  double acceptance(const Stream& stream, std::int64_t place) const {
    constexpr double kEasy = 0.97;
    constexpr double kHard = 0.35;
    const double mean = texts_.acceptance(place);
    if (mean <= kHard) return mean;
    const double easy = (mean - kHard) / (kEasy - kHard);
    return uniform(stream, place, RandomRole::kTarget) < easy ? kEasy : kHard;
  }

  double confidence(const Stream& stream, std::int64_t place) const {
    const double off = uniform(stream, place, RandomRole::kDraft) - 0.5;
    return std::clamp(acceptance(stream, place) + 0.3 * off, 0.0, 1.0);
  }

  // All draft the next token together. Returns how many each drafted.
  std::vector<std::int64_t> draft(const std::vector<DraftGuide*>& guides,
                                  const std::vector<Stream>& streams) const {
    std::vector<std::int64_t> drafted(guides.size());
    std::vector<std::int64_t> most(guides.size());
    std::vector<size_t> running;
    for (size_t i = 0; i < guides.size(); ++i) {
      if (guides[i] == nullptr) continue;
      most[i] =
          std::min(guides[i]->most(), texts_.tokens - streams[i].place - 1);
      if (most[i] > 0) running.push_back(i);
    }
    if (!texts_.samples) return most;
    while (!running.empty()) {
      for (const size_t i : running) {
        guides[i]->drafted(
            confidence(streams[i], streams[i].place + drafted[i]++));
      }
      std::erase_if(running, [&](size_t i) {
        return drafted[i] == most[i] || !guides[i]->another_pays();
      });
    }
    return drafted;
  }

  // How many of the drafted tokens are accepted.
  std::int64_t judge(const Stream& stream, std::int64_t drafted) const {
    std::int64_t accepted = 0;
    while (accepted < drafted &&
           uniform(stream, stream.place + accepted, RandomRole::kAccept) <
               acceptance(stream, stream.place + accepted)) {
      ++accepted;
    }
    return accepted;
  }

  // A drafting pass has a row for each sequence that still drafts.
  double drafting(const std::vector<WindowOutcome>& windows,
                  std::int64_t behind) const {
    std::int64_t longest = 0;
    double time = 0;
    for (const WindowOutcome& window : windows) {
      longest = std::max(longest, window.drafted);
    }
    for (std::int64_t i = 0; i < longest; ++i) {
      const auto rows = std::ranges::count_if(
          windows, [i](const auto& window) { return window.drafted > i; });
      time += costs_.draft *
              (1 + costs_.draft_growth * static_cast<double>(rows - 1));
      if (!texts_.samples) return time;
    }
    return time + costs_.encode * static_cast<double>(behind);
  }

  // A machine that is disturbed now and then.
  double measured(double seconds) {
    if (!costs_.noisy) return seconds;
    const auto random = [this] {
      return random_.uniform(static_cast<std::uint64_t>(passes_++),
                             RandomRole::kNoise, 0);
    };
    const double u = random();
    const double v = random();
    return seconds * (1 + 0.08 * u) * (v < 0.03 ? 1 + 4 * u : 1);
  }

  double iterate(WindowPolicy& policy, std::vector<Stream>& streams) {
    std::int64_t prompts = 0;
    std::int64_t drafted_prompts = 0;  // which the draft model encodes too
    std::vector<DraftGuide*> guides;   // nullptr: the prompt is encoded
    for (Stream& stream : streams) {
      bool encodes = false;
      if (stream.sequence == nullptr) {
        SequenceOptions options;
        options.prompt = {0};
        stream.sequence = std::make_unique<KeyedSequence>(
            options, static_cast<std::uint32_t>(stream.slot));
        encodes = costs_.prompt > 0;
        const bool follows =
            !encodes ||
            policy.follows_prompt(*stream.sequence, std::ssize(streams));
        stream.behind = follows ? 0 : DraftRequest::kShortContext;
        drafted_prompts += encodes && follows;
      }
      prompts += encodes;
      guides.push_back(
          encodes ? nullptr
                  : &policy.plan(*stream.sequence, std::ssize(streams)));
    }
    const std::vector<std::int64_t> drafts = draft(guides, streams);
    std::vector<WindowOutcome> windows;
    std::int64_t behind = 0;
    std::int64_t rows = 0;
    for (size_t i = 0; i < streams.size(); ++i) {
      Stream& stream = streams[i];
      const std::int64_t drafted = drafts[i];
      if (drafted > 0) {
        behind += std::min(std::exchange(stream.behind, 0),
                           DraftRequest::kShortContext);
      } else {
        ++stream.behind;
      }
      const std::int64_t accepted = judge(stream, drafted);
      windows.push_back({stream.sequence->key, drafted, drafted, accepted});
      stream.place += accepted + 1;
      rows += drafted + 1;
      windows_.resize(
          std::max(windows_.size(), static_cast<size_t>(drafted + 2)));
      ++windows_[static_cast<size_t>(drafted + 1)];
    }
    const double draft = drafting(windows, behind);
    const double verify = costs_.verify(rows);
    const double prompt =
        costs_.prompt * (static_cast<double>(prompts) +
                         costs_.draft * static_cast<double>(drafted_prompts));
    constexpr double kPlain = 3e-3;  // seconds
    const std::int64_t extra = rows - std::ssize(streams);
    const bool first_draft = extra > 0 && !std::exchange(has_drafted_, true);
    const bool first_rows = extra > 0 && seen_.insert(extra).second;
    policy.observe(
        {windows,
         measured(kPlain * draft * (first_draft ? costs_.cold_draft : 1)),
         measured(kPlain *
                  (verify * (first_rows ? costs_.cold_verify : 1) + prompt)),
         prompt > 0});
    return draft + verify + prompt;
  }

  SimulatedCosts costs_;
  SimulatedTexts texts_;
  Random random_;
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
  std::int64_t most() override { return window_ - 1; }
  std::int64_t ask(std::size_t) override { return window_ - 1; }
  void drafted(double) override {}
  bool another_pays() override { return true; }
  bool worth(std::int64_t, double) override { return true; }

  std::int64_t window_;
};

inline double WindowSimulation::time(std::int64_t window) {
  FixedWindow policy(window);
  return time(policy);
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_WINDOW_SIMULATION_H_
