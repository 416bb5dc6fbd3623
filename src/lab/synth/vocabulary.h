#ifndef PILOTFISH_LAB_SYNTH_VOCABULARY_H_
#define PILOTFISH_LAB_SYNTH_VOCABULARY_H_

#include "formats/gguf_writer.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// Sets the tokenizer.* keys of a made-up vocabulary of the SentencePiece kind,
// with the model's own BOS and end tokens: the unknown token, every byte,
// printable ASCII, and words of letters with and without a blank before, each
// one letter longer than another. Throws UsageError where the model's
// vocabulary has no room for the bytes.
void set_made_up_vocabulary(const ModelConfig& config, GgufHeader& header);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SYNTH_VOCABULARY_H_
