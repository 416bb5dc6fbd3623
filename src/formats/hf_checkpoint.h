#ifndef PILOTFISH_FORMATS_HF_CHECKPOINT_H_
#define PILOTFISH_FORMATS_HF_CHECKPOINT_H_

#include <filesystem>
#include <memory>

#include "formats/checkpoint.h"

namespace pilotfish {

// Checkpoint::open for a Hugging Face folder.
std::shared_ptr<const Checkpoint> open_hugging_face_folder(
    const std::filesystem::path& folder);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_HF_CHECKPOINT_H_
