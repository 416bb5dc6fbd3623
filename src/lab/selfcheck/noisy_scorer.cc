#include "lab/selfcheck/noisy_scorer.h"

#include "pilotfish/random.h"

namespace pilotfish {

NoisyScorer::NoisyScorer(Scorer& inner, float size, std::uint64_t seed)
    : ForwardingScorer(inner) {
  const Random random(seed);
  for (std::int64_t token = 0; token < vocab_size(); ++token) {
    const double u =
        random.uniform(static_cast<std::uint64_t>(token), RandomRole::kUser);
    noise_.push_back(size * static_cast<float>(2 * u - 1));
  }
}

ForwardOutput NoisyScorer::forward(const Batch& batch) {
  const ForwardOutput output = inner_->forward(batch);
  const Logits& logits = output.logits;
  logits_.clear();
  for (std::int64_t i = 0; i < logits.rows(); ++i) {
    const std::span<const float> row = logits.row(i);
    for (std::size_t token = 0; token < row.size(); ++token) {
      logits_.push_back(row[token] + noise_[token]);
    }
  }
  return {.logits = Logits(logits_.data(), logits.rows(), logits.vocab_size()),
          .hidden = output.hidden};
}

}  // namespace pilotfish
