#ifndef PILOTFISH_SPECULATIVE_TESTING_WRAPPED_SCORERS_H_
#define PILOTFISH_SPECULATIVE_TESTING_WRAPPED_SCORERS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/scorer.h"

namespace pilotfish::test {

// Another scorer, unchanged.
class WrappedScorer : public Scorer {
 public:
  explicit WrappedScorer(Scorer& inner) : inner_(inner) {}

  std::int64_t vocab_size() const override { return inner_.vocab_size(); }
  std::int64_t n_positions() const override { return inner_.n_positions(); }
  SequenceId create() override { return inner_.create(); }
  void release(SequenceId id) override { inner_.release(id); }
  std::int64_t length(SequenceId id) const override {
    return inner_.length(id);
  }
  std::int64_t truncate(SequenceId id, std::int64_t length) override {
    return inner_.truncate(id, length);
  }
  std::int64_t keep(SequenceId id,
                    std::span<const std::int32_t> path) override {
    return inner_.keep(id, path);
  }
  ForwardOutput forward(const Batch& batch) override {
    return inner_.forward(batch);
  }

 protected:
  Scorer& inner_;
};

// Goes back to snapshots alone, which it takes every so many tokens, as
// recurrent states do.
class SnapshotScorer : public WrappedScorer {
 public:
  explicit SnapshotScorer(Scorer& inner, std::int64_t every = 4)
      : WrappedScorer(inner), every_(every) {}

  std::int64_t truncate(SequenceId id, std::int64_t length) override {
    if (length >= inner_.length(id)) return inner_.truncate(id, length);
    return fall_back(id, length);
  }
  std::int64_t keep(SequenceId id,
                    std::span<const std::int32_t> path) override {
    return fall_back(id, inner_.keep(id, path));
  }

  std::int64_t missing = 0;  // tokens that it went back too far, in all

 private:
  std::int64_t fall_back(SequenceId id, std::int64_t length) {
    missing += length % every_;
    return inner_.truncate(id, length - length % every_);
  }

  std::int64_t every_;
};

// Throws in its n-th pass, counted from 1, before anything happened.
class FailingScorer final : public WrappedScorer {
 public:
  FailingScorer(Scorer& inner, std::int64_t pass)
      : WrappedScorer(inner), left_(pass) {}

  ForwardOutput forward(const Batch& batch) override {
    if (--left_ == 0) throw Error("failing scorer: out of memory");
    return inner_.forward(batch);
  }

 private:
  std::int64_t left_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_WRAPPED_SCORERS_H_
