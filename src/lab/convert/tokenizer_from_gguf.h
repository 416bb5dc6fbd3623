#ifndef PILOTFISH_LAB_CONVERT_TOKENIZER_FROM_GGUF_H_
#define PILOTFISH_LAB_CONVERT_TOKENIZER_FROM_GGUF_H_

#include <filesystem>

#include "formats/gguf.h"

namespace pilotfish {

// Writes tokenizer.json and tokenizer_config.json for the tokenizer in a GGUF
// file's metadata; nothing where it has none. Throws Error where it is
// malformed, or its texts are not UTF-8 or not distinct.
void write_tokenizer(const GgufMetadata& metadata,
                     const std::filesystem::path& folder);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_TOKENIZER_FROM_GGUF_H_
