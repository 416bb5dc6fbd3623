#ifndef PILOTFISH_ENGINE_TOKEN_BYTES_H_
#define PILOTFISH_ENGINE_TOKEN_BYTES_H_

#include <string>
#include <vector>

#include "pilotfish/tokenizer.h"

namespace pilotfish {

// What each token of a tokenizer adds to a text behind other text, so that
// SentencePiece's "▁x" is " x": [vocab_size]. Empty for special tokens and ids
// without a text.
std::vector<std::string> token_bytes(const Tokenizer& tokenizer);

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_TOKEN_BYTES_H_
