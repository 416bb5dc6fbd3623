#ifndef PILOTFISH_LAB_CONVERT_TO_HUGGING_FACE_H_
#define PILOTFISH_LAB_CONVERT_TO_HUGGING_FACE_H_

#include <filesystem>

#include "formats/checkpoint.h"
#include "pilotfish/lab/convert.h"

namespace pilotfish {

// pilotfish::convert for a GGUF file.
ConvertNotes convert_to_hugging_face(const Checkpoint& checkpoint,
                                     const std::filesystem::path& to,
                                     const ConvertOptions& options);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_TO_HUGGING_FACE_H_
