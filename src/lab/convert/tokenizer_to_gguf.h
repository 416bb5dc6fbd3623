#ifndef PILOTFISH_LAB_CONVERT_TOKENIZER_TO_GGUF_H_
#define PILOTFISH_LAB_CONVERT_TOKENIZER_TO_GGUF_H_

#include <filesystem>
#include <span>

#include "formats/gguf_writer.h"
#include "pilotfish/model_config.h"
#include "pilotfish/token.h"

namespace pilotfish {

// Sets the tokenizer.* keys for the tokenizer of a Hugging Face folder, filled
// up to the model's vocabulary; "none" where the folder has no tokenizer.
// Throws Error where it is malformed or nothing that GGUF has a name for.
void set_tokenizer(const std::filesystem::path& folder,
                   const ModelConfig& config, GgufHeader& header);

// Sets the ids of the first token of texts (negative: none) and of those that
// end them: of a text, a turn and a message, as many as GGUF has keys for. A
// longer list is also stored whole, under pilotfish's own key kGgufEndTokens.
inline constexpr size_t kGgufEndKeys = 3;
void set_special_ids(Token bos, std::span<const Token> ends,
                     GgufHeader& header);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_TOKENIZER_TO_GGUF_H_
