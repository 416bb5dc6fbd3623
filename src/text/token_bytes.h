#ifndef PILOTFISH_TEXT_TOKEN_BYTES_H_
#define PILOTFISH_TEXT_TOKEN_BYTES_H_

#include <string>
#include <vector>

#include "pilotfish/tokenizer.h"

namespace pilotfish {

// What each id of the tokenizer adds to a text in its middle: SentencePiece's
// "▁x" is " x" and "<0x0A>" a line break. Empty for special tokens and for ids
// without a text. Takes a while: keep the result.
std::vector<std::string> token_bytes(const Tokenizer& tokenizer);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_TOKEN_BYTES_H_
