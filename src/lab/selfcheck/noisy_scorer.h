#ifndef PILOTFISH_LAB_SELFCHECK_NOISY_SCORER_H_
#define PILOTFISH_LAB_SELFCHECK_NOISY_SCORER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "speculative/forwarding_scorer.h"

namespace pilotfish {

// A model with noise on its logits, which is always the same for a token. It
// makes a draft that is often wrong, however good the model is: a good draft
// hides what is wrong with an acceptor.
class NoisyScorer final : public ForwardingScorer {
 public:
  // The noise is uniform in [-size, size). `inner` must outlive this.
  NoisyScorer(Scorer& inner, float size, std::uint64_t seed = 0);

  std::span<const float> noise() const { return noise_; }  // [vocab_size]

  ForwardOutput forward(const Batch& batch) override;

 private:
  std::vector<float> noise_;
  std::vector<float> logits_;  // [rows, vocab_size]
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_NOISY_SCORER_H_
