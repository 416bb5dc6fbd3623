#ifndef PILOTFISH_TEXT_SPM_BPE_H_
#define PILOTFISH_TEXT_SPM_BPE_H_

#include <memory>
#include <vector>

#include "text/phrase_matcher.h"
#include "text/token_model.h"

namespace pilotfish {

// The kinds of pieces in a SentencePiece model, numbered as in its file and in
// GGUF's tokenizer.ggml.token_type.
enum class PieceType {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

// The pieces of a SentencePiece model, by id. All of the same length.
struct SpmPieces {
  std::vector<float> scores;
  std::vector<PieceType> types;
  Token unknown = -1;  // for characters without a piece; -1: they are dropped
};

// SentencePiece's byte-pair encoding: two neighbours are joined where their
// text is a piece, the highest score first. User-defined pieces are found
// before anything is joined, and never joined themselves.
class SpmBpeModel : public TokenModel {
 public:
  // Throws Error where a score is not a number.
  SpmBpeModel(std::shared_ptr<const Vocabulary> vocabulary,
              const SpmPieces& pieces);

  void encode(std::string_view piece, MergeLoop& loop,
              std::vector<Token>& out) const override;
  bool cuts_before_blank() const override { return cuts_before_blank_; }

 private:
  struct Mergeable {
    std::uint32_t rank = 0;
    bool usable = false;  // has a type that takes part in merges
    bool unused = false;  // to be taken apart again at the end
  };

  Token find(std::string_view text) const;
  void add_characters(std::string_view piece, size_t begin, size_t end,
                      MergeLoop& loop) const;
  void emit(std::string_view text, Token id, size_t first,
            std::vector<Token>& out) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<Mergeable> pieces_;  // by id
  std::vector<bool> user_defined_;
  PhraseMatcher user_defined_pieces_;
  std::array<Token, 256> bytes_;
  Token unknown_;
  size_t longest_ = 0;  // bytes of the longest piece
  bool has_unused_ = false;
  bool cuts_before_blank_ = false;
};

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_SPM_BPE_H_
