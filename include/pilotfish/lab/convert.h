#ifndef PILOTFISH_LAB_CONVERT_H_
#define PILOTFISH_LAB_CONVERT_H_

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/dtype.h"

namespace pilotfish {

struct ConvertOptions {
  // How matrices are stored: f32, f16, bf16 and, in GGUF files, q8_0 and q4_0.
  // Absent: as they are, save that a Hugging Face folder takes quantised ones
  // as bf16.
  std::optional<DType> dtype = std::nullopt;
  // Throws Error for a matrix that cannot have the dtype, see below.
  bool strict_dtype = false;
  bool overwrite = false;  // a GGUF file that is there already
};

// What a conversion changed or could not take along, one sentence each, for the
// user to read; empty: nothing.
using ConvertNotes = std::vector<std::string>;

// Rewrites a model in the other format: a Hugging Face folder `from` becomes
// the GGUF file `to`, whose name must end in .gguf, in the form llama.cpp
// reads; a GGUF file `from`, single or split, becomes the folder `to`, which
// must not exist or be empty. The tokenizer goes with it where the model has
// one.
//
// In GGUF files norms and biases are f32 always, and a matrix whose rows are no
// whole blocks of 32 becomes bf16 where a quantised type is asked for.
//
// `to` appears complete or not at all; where it is a link, so does what it
// leads to. Throws UsageError where the two are not of different formats or the
// dtype is none of those above, Error where the model is malformed, has
// something the other format cannot say or a value its new dtype cannot hold,
// where `to` is there already, or where it cannot be written.
ConvertNotes convert(const std::filesystem::path& from,
                     const std::filesystem::path& to,
                     const ConvertOptions& options = {});

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_H_
