#ifndef PILOTFISH_SPECULATIVE_TOKEN_CHECKS_H_
#define PILOTFISH_SPECULATIVE_TOKEN_CHECKS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "pilotfish/token.h"
#include "speculative/sequence.h"

// Whether tokens from outside fit a model. Whatever takes some from a caller
// checks them here, so that each mistake has one wording.
namespace pilotfish {

// Throws UsageError for a token outside the vocabulary; `what` says where it
// stands: "prompt".
void check_tokens(std::string_view what, std::span<const Token> tokens,
                  std::int64_t vocab_size);

// Throws UsageError where the sequence leaves no room for one more token, or
// where its prompt, stop tokens, sampling parameters or prediction have a token
// outside the vocabulary, or where the parameters leave no token to generate.
void check_fits(const Sequence& sequence, std::int64_t vocab_size,
                std::int64_t n_positions);

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_TOKEN_CHECKS_H_
