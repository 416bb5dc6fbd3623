#ifndef PILOTFISH_FORMATS_GGML_TYPE_H_
#define PILOTFISH_FORMATS_GGML_TYPE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "pilotfish/dtype.h"

namespace pilotfish {

// Numbers of tensor types in GGUF files (enum ggml_type).
std::uint32_t ggml_type(DType dtype);
// The inverse; nullopt for types that pilotfish does not read.
std::optional<DType> dtype_of_ggml_type(std::uint32_t type);

// "iq2_xxs (16)", also for the types that pilotfish does not read.
std::string ggml_type_text(std::uint32_t type);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_GGML_TYPE_H_
