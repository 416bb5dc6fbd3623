#ifndef PILOTFISH_LAB_SELFCHECK_NOISY_SCORER_H_
#define PILOTFISH_LAB_SELFCHECK_NOISY_SCORER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/scorer.h"

namespace pilotfish {

// A model with noise on its logits, which is always the same for a token. It
// makes a draft that is often wrong, however good the model is: a good draft
// hides what is wrong with an acceptor.
class NoisyScorer final : public Scorer {
 public:
  // The noise is uniform in [-size, size). `inner` must outlive this.
  NoisyScorer(Scorer& inner, float size, std::uint64_t seed = 0);

  std::span<const float> noise() const { return noise_; }  // [vocab_size]

  std::int64_t vocab_size() const override { return inner_.vocab_size(); }
  std::int64_t n_positions() const override { return inner_.n_positions(); }
  SequenceId create() override { return inner_.create(); }
  void release(SequenceId sequence) override { inner_.release(sequence); }
  std::int64_t length(SequenceId sequence) const override {
    return inner_.length(sequence);
  }
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override {
    return inner_.truncate(sequence, length);
  }
  std::int64_t keep(SequenceId sequence,
                    std::span<const std::int32_t> path) override {
    return inner_.keep(sequence, path);
  }
  ForwardOutput forward(const Batch& batch) override;

 private:
  Scorer& inner_;
  std::vector<float> noise_;
  std::vector<float> logits_;  // [rows, vocab_size]
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_NOISY_SCORER_H_
