#ifndef PILOTFISH_SAMPLING_LOG_PROBABILITIES_H_
#define PILOTFISH_SAMPLING_LOG_PROBABILITIES_H_

#include <algorithm>
#include <cstdint>
#include <span>

#include "pilotfish/iteration.h"
#include "pilotfish/token.h"

namespace pilotfish {

// The most rows of logits that one pass gives for scoring a long text: 64 MiB,
// so that it takes no more memory than generating.
inline std::int64_t scored_rows_at_a_time(std::int64_t vocab_size) {
  constexpr std::int64_t kFloats = std::int64_t{16} << 20;
  return std::clamp<std::int64_t>(kFloats / vocab_size, 1, 512);
}

// The natural log of the softmax of a row, as the model gives it: before any
// processor. Requires: a row without a fault (see logits_fault), token in it.
double log_probability(std::span<const float> logits, Token token);

// That of `token`, and the `count` most probable ones.
TokenLogprobs log_probabilities(std::span<const float> logits, Token token,
                                std::int64_t count);

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_LOG_PROBABILITIES_H_
