#ifndef PILOTFISH_LAB_CONVERT_TO_GGUF_H_
#define PILOTFISH_LAB_CONVERT_TO_GGUF_H_

#include <filesystem>

#include "formats/checkpoint.h"
#include "pilotfish/lab/convert.h"

namespace pilotfish {

// pilotfish::convert for a Hugging Face folder.
ConvertNotes convert_to_gguf(const Checkpoint& checkpoint,
                             const std::filesystem::path& to,
                             const ConvertOptions& options);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_TO_GGUF_H_
