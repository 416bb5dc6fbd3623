#ifndef PILOTFISH_SAMPLING_LOG_PROBABILITIES_H_
#define PILOTFISH_SAMPLING_LOG_PROBABILITIES_H_

#include <cstdint>
#include <span>

#include "pilotfish/iteration.h"
#include "pilotfish/token.h"

namespace pilotfish {

// The natural log of the softmax of a row, as the model gives it: before any
// processor. Requires: a row without a fault (see logits_fault), token in it.
double log_probability(std::span<const float> logits, Token token);

// That of `token`, and the `count` most probable ones.
TokenLogprobs log_probabilities(std::span<const float> logits, Token token,
                                std::int64_t count);

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_LOG_PROBABILITIES_H_
