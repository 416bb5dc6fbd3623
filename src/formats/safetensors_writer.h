#ifndef PILOTFISH_FORMATS_SAFETENSORS_WRITER_H_
#define PILOTFISH_FORMATS_SAFETENSORS_WRITER_H_

#include <filesystem>
#include <span>

#include "formats/tensor_file_writer.h"

namespace pilotfish {

// Starts a safetensors file. Dtypes must be F32, F16 or BF16, names UTF-8.
// Tensors lie in the order given; put wider dtypes first, so that each is
// aligned. Throws Error.
TensorFileWriter write_safetensors(const std::filesystem::path& path,
                                   std::span<const TensorSpec> tensors);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_SAFETENSORS_WRITER_H_
