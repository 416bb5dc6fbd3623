#ifndef PILOTFISH_SPECULATIVE_TESTING_WINDOWS_H_
#define PILOTFISH_SPECULATIVE_TESTING_WINDOWS_H_

#include <algorithm>
#include <cstdint>
#include <random>

#include "speculative/sequence_key.h"
#include "speculative/window/adaptive_window.h"
#include "speculative/window_policy.h"

namespace pilotfish::test {

// Windows from 1 to 8 without rhyme or reason, sources left out at will, and
// drafts that end anywhere.
class WildWindow final : public WindowPolicy, private DraftGuide {
 public:
  explicit WildWindow(unsigned seed) : random_(seed) {}

  DraftGuide& plan(const Sequence&, std::int64_t) override { return *this; }
  void observe(const IterationOutcome&) override {}

 private:
  std::int64_t most() override { return random_() % 8; }
  std::int64_t ask(std::size_t) override { return random_() % 8; }
  void drafted(double) override {}
  bool another_pays() override { return random_() % 4 > 0; }
  bool worth(std::int64_t, double) override { return random_() % 4 > 0; }

  std::mt19937 random_;
};

// Drafts on as long as the draft is sure of its tokens.
class SureWindow final : public WindowPolicy {
 public:
  explicit SureWindow(double least) : least_(least) {}

  DraftGuide& plan(const Sequence& sequence, std::int64_t) override {
    return guides_.find_or_make(sequence.key, least_);
  }
  void observe(const IterationOutcome&) override {}

 private:
  class Guide final : public DraftGuide {
   public:
    explicit Guide(double least) : least_(least) {}

   private:
    std::int64_t most() override { return 4; }
    std::int64_t ask(std::size_t) override { return most(); }
    void drafted(double confidence) override { confidence_ = confidence; }
    bool another_pays() override { return confidence_ > least_; }
    bool worth(std::int64_t, double likelihood) override {
      return likelihood > least_;
    }

    double least_;
    double confidence_ = 0;
  };

  double least_;
  PerSequence<Guide> guides_;
};

// AdaptiveWindow, told the times that passes over so many rows would take on
// some machine, so that what it does can be repeated.
class ClocklessWindow final : public WindowPolicy {
 public:
  explicit ClocklessWindow(std::size_t sources) : policy_(sources) {}

  DraftGuide& plan(const Sequence& sequence, std::int64_t batch) override {
    return policy_.plan(sequence, batch);
  }
  void observe(const IterationOutcome& iteration) override {
    std::int64_t longest = 0;
    std::int64_t rows = 0;
    for (const WindowOutcome& window : iteration.windows) {
      longest = std::max(longest, window.drafted);
      rows += 1 + window.drafted;
    }
    IterationOutcome told = iteration;
    told.draft_seconds = 1e-4 * static_cast<double>(longest);
    told.target_seconds = 1e-3 + 2e-5 * static_cast<double>(rows);
    policy_.observe(told);
  }

 private:
  AdaptiveWindow policy_;
};

// Drafts a token only where its acceptance is likely, by the very number that
// will decide about it: a bias, which tests must find.
class PeekingWindow final : public WindowPolicy {
 public:
  DraftGuide& plan(const Sequence& sequence, std::int64_t) override {
    Guide& guide = guides_.find_or_make(sequence.key);
    guide.sequence = &sequence;
    guide.place = 0;
    return guide;
  }
  void observe(const IterationOutcome&) override {}

 private:
  struct Guide final : public DraftGuide {
    std::int64_t most() override { return next_is_accepted() ? 3 : 0; }
    std::int64_t ask(std::size_t) override { return most(); }
    void drafted(double) override { ++place; }
    bool another_pays() override { return next_is_accepted(); }
    bool worth(std::int64_t, double) override { return next_is_accepted(); }
    bool next_is_accepted() const {
      return sequence->random().uniform(
                 static_cast<std::uint64_t>(sequence->size()) + place,
                 RandomRole::kAccept, place) < 0.5;
    }

    const Sequence* sequence = nullptr;
    std::uint32_t place = 0;
  };

  PerSequence<Guide> guides_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_WINDOWS_H_
