#ifndef PILOTFISH_SAMPLING_CONSTRAINTS_H_
#define PILOTFISH_SAMPLING_CONSTRAINTS_H_

#include <cstdint>
#include <span>
#include <string>

#include "pilotfish/sampling.h"
#include "pilotfish/token.h"

namespace pilotfish {

// The parameters in use that can rule tokens out: "allowed_tokens, bad_words".
std::string constraint_names(const SamplingParams& params);

// Throws UsageError where the parameters leave no token of a vocabulary,
// however the text goes on and whatever a model says, or none but stop tokens
// while they have to wait for min_tokens. Requires: token ids of 0 or more.
void check_leaves_tokens(const SamplingParams& params,
                         std::span<const Token> stop_tokens,
                         std::int64_t vocab_size);

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_CONSTRAINTS_H_
