#ifndef PILOTFISH_TEXT_TOKENIZER_FORMATS_H_
#define PILOTFISH_TEXT_TOKENIZER_FORMATS_H_

#include <memory>
#include <string>
#include <string_view>

#include "formats/gguf.h"
#include "pilotfish/tokenizer.h"
#include "text/tokenizer_config.h"

namespace pilotfish {

// The three descriptions of a tokenizer, each from memory. `where` names the
// file in messages. All throw Error where it is malformed, or describes a kind
// of tokenizer that is not known.

// The text of a Hugging Face tokenizer.json.
std::shared_ptr<const Tokenizer> tokenizer_from_json(
    std::string_view text, const TokenizerConfig& config,
    const std::string& where);

// The bytes of a SentencePiece tokenizer.model.
std::shared_ptr<const Tokenizer> tokenizer_from_sentencepiece(
    std::string_view bytes, const TokenizerConfig& config,
    const std::string& where);

// A GGUF file's tokenizer.ggml.* keys. Requires tokenizer.ggml.model.
std::shared_ptr<const Tokenizer> tokenizer_from_gguf(
    const GgufMetadata& metadata);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_TOKENIZER_FORMATS_H_
