#ifndef PILOTFISH_LAB_CONVERT_H_
#define PILOTFISH_LAB_CONVERT_H_

#include <filesystem>
#include <optional>

#include "pilotfish/dtype.h"

namespace pilotfish {

struct ConvertOptions {
  // How matrices are stored: f32, f16, bf16 and, in GGUF files, q8_0 and q4_0.
  // Absent: as they are, save that a Hugging Face folder takes quantised ones
  // as bf16.
  std::optional<DType> dtype;
};

// Rewrites a model in the other format: a Hugging Face folder `from` becomes
// the GGUF file `to`, whose name must end in .gguf (an older file is replaced),
// in the form llama.cpp reads; a GGUF file `from`, single or split, becomes the
// folder `to`, which must not exist or be empty. The tokenizer goes with it
// where the model has one.
//
// In GGUF files norms and biases are f32 always, and a matrix whose rows are no
// whole blocks of 32 stays f16 where a quantised type is asked for.
//
// `to` appears complete or not at all. Throws UsageError where the two are not
// of different formats or the dtype is none of those above, Error where the
// model is malformed, has something the other format cannot say, or cannot be
// written.
void convert(const std::filesystem::path& from, const std::filesystem::path& to,
             const ConvertOptions& options = {});

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_H_
