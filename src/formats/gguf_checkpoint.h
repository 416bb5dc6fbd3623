#ifndef PILOTFISH_FORMATS_GGUF_CHECKPOINT_H_
#define PILOTFISH_FORMATS_GGUF_CHECKPOINT_H_

#include <filesystem>
#include <memory>

#include "formats/checkpoint.h"

namespace pilotfish {

// Checkpoint::open for a GGUF file, single or split (the first part,
// NAME-00001-of-00003.gguf).
std::shared_ptr<const Checkpoint> open_gguf_checkpoint(
    const std::filesystem::path& path);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_GGUF_CHECKPOINT_H_
