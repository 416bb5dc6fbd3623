#ifndef PILOTFISH_TEXT_TOKENIZER_SPM_H_
#define PILOTFISH_TEXT_TOKENIZER_SPM_H_

#include <optional>
#include <string>
#include <vector>

#include "text/normalizer.h"
#include "text/pipeline_tokenizer.h"
#include "text/spm_bpe.h"

namespace pilotfish {

// A SentencePiece BPE tokenizer, whichever file describes it.
struct SpmDescription {
  std::vector<std::string> texts;  // by id; empty for an unused one
  SpmPieces pieces;                // of the same length
  // Pieces that are control tokens whatever their type says: never found in a
  // text that is taken literally.
  std::vector<Token> special;
  BlankRules blanks;
  bool strip_first = true;  // decoding drops the blank put in front
};

// The parts that follow from the description; special pieces become added
// tokens, and whoever calls fills in the rest. Throws Error.
TokenizerParts make_spm_parts(const SpmDescription& description,
                              std::shared_ptr<Vocabulary> vocabulary);

// Puts BOS in front of the tokens, or EOS behind them. Throws Error where the
// one that is asked for is not known.
void frame_tokens(TokenizerParts& parts, bool add_bos, bool add_eos);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_TOKENIZER_SPM_H_
