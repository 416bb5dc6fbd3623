#ifndef PILOTFISH_TEXT_TOKEN_MODEL_H_
#define PILOTFISH_TEXT_TOKEN_MODEL_H_

#include <array>
#include <string_view>
#include <vector>

#include "pilotfish/token.h"
#include "text/merge_loop.h"
#include "text/vocabulary.h"

namespace pilotfish {

// U+2581, which stands for a space in SentencePiece vocabularies.
inline constexpr std::string_view kBlank = "\xE2\x96\x81";

// The part of a tokenizer that cuts a normalised piece into tokens. Immutable
// and thread-safe.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  // Appends the tokens of `piece` to `out`. Requires piece.size() < 2^31.
  virtual void encode(std::string_view piece, MergeLoop& loop,
                      std::vector<Token>& out) const = 0;

  // Whether no token continues over a U+2581 that follows another character,
  // so that a text may be cut there and its words encoded apart.
  virtual bool cuts_before_blank() const = 0;
};

// Whether `text` has a U+2581 after another character.
bool has_inner_blank(std::string_view text);

// The tokens "<0x00>" to "<0xFF>" that stand for single bytes, by byte; -1 for
// those the vocabulary lacks.
std::array<Token, 256> byte_tokens(const Vocabulary& vocabulary);

// The byte that "<0x0A>" and the like spell, or -1.
int byte_of_token_text(std::string_view text);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_TOKEN_MODEL_H_
