#ifndef PILOTFISH_TEXT_SENTENCEPIECE_MODEL_H_
#define PILOTFISH_TEXT_SENTENCEPIECE_MODEL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/spm_bpe.h"

namespace pilotfish {

// What a SentencePiece tokenizer.model holds, as far as encoding needs it
// (sentencepiece_model.proto). Defaults are the format's.
struct SentencePieceModel {
  struct Piece {
    std::string text;
    float score = 0;
    PieceType type = PieceType::kNormal;
  };
  std::vector<Piece> pieces;

  // trainer_spec
  std::int32_t model_type = 1;  // 1 unigram, 2 BPE, 3 word, 4 character
  bool byte_fallback = false;
  bool blank_as_suffix = false;
  std::int32_t unknown_id = 0;
  std::int32_t bos_id = 1;
  std::int32_t eos_id = 2;

  // normalizer_spec
  std::string normalizer = "identity";
  bool has_character_map = false;
  bool add_dummy_prefix = true;
  bool remove_extra_blanks = true;
  bool escape_blanks = true;
};

// Reads the protobuf. Throws Error, naming the byte, where it is malformed or
// ends early.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_SENTENCEPIECE_MODEL_H_
