#ifndef PILOTFISH_SPECULATIVE_TESTING_WRAPPED_SCORERS_H_
#define PILOTFISH_SPECULATIVE_TESTING_WRAPPED_SCORERS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "pilotfish/error.h"
#include "pilotfish/scorer.h"
#include "speculative/forwarding_scorer.h"

namespace pilotfish::test {

// Goes back to snapshots alone, which it takes every so many tokens, as
// recurrent states do.
class SnapshotScorer : public ForwardingScorer {
 public:
  explicit SnapshotScorer(Scorer& inner, std::int64_t every = 4)
      : ForwardingScorer(inner), every_(every) {}

  std::int64_t truncate(SequenceId id, std::int64_t length) override {
    if (length >= inner_->length(id)) return inner_->truncate(id, length);
    return fall_back(id, length);
  }
  std::int64_t keep(SequenceId id,
                    std::span<const std::int32_t> path) override {
    return fall_back(id, inner_->keep(id, path));
  }

  std::int64_t missing = 0;  // tokens that it went back too far, in all

 private:
  std::int64_t fall_back(SequenceId id, std::int64_t length) {
    missing += length % every_;
    return inner_->truncate(id, length - length % every_);
  }

  std::int64_t every_;
};

// Throws in its n-th pass, counted from 1, before anything happened.
class FailingScorer final : public ForwardingScorer {
 public:
  FailingScorer(Scorer& inner, std::int64_t pass)
      : ForwardingScorer(inner), left_(pass) {}
  FailingScorer(std::shared_ptr<Scorer> inner, std::int64_t pass)
      : ForwardingScorer(std::move(inner)), left_(pass) {}

  ForwardOutput forward(const Batch& batch) override {
    if (--left_ == 0) throw Error("failing scorer: out of memory");
    return inner_->forward(batch);
  }

 private:
  std::int64_t left_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_WRAPPED_SCORERS_H_
