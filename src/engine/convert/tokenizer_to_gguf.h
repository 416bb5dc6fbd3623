#ifndef PILOTFISH_ENGINE_CONVERT_TOKENIZER_TO_GGUF_H_
#define PILOTFISH_ENGINE_CONVERT_TOKENIZER_TO_GGUF_H_

#include <filesystem>

#include "formats/gguf_writer.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// Sets the tokenizer.* keys for the tokenizer of a Hugging Face folder, filled
// up to the model's vocabulary; "none" where the folder has no tokenizer.
// Throws Error where it is malformed or nothing that GGUF has a name for.
void set_tokenizer(const std::filesystem::path& folder,
                   const ModelConfig& config, GgufHeader& header);

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_CONVERT_TOKENIZER_TO_GGUF_H_
