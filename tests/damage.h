#ifndef PILOTFISH_TESTS_DAMAGE_H_
#define PILOTFISH_TESTS_DAMAGE_H_

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "tensor/quantise.h"

namespace pilotfish::test {

// Makes an element of a tensor in a safetensors or GGUF file NaN; of a type
// with blocks that begin with their scale, the whole block.
inline void damage(const std::filesystem::path& path, const std::string& name,
                   std::int64_t element) {
  const MappedFile file = MappedFile::open(path);
  const std::vector<TensorView> tensors = path.extension() == ".gguf"
                                              ? parse_gguf(file).tensors
                                              : parse_safetensors(file).tensors;
  for (const TensorView& tensor : tensors) {
    if (tensor.name != name) continue;
    const BlockShape block = block_shape(tensor.dtype);
    const DType scale = is_quantised(tensor.dtype) ? DType::kF16 : tensor.dtype;
    const float nan = std::nanf("");
    std::byte bytes[4] = {};
    quantise_row(scale, &nan, bytes, 1);
    std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(tensor.data - file.bytes().data() +
              element / block.elements * block.bytes);
    out.write(reinterpret_cast<const char*>(bytes), row_bytes(scale, 1));
    return;
  }
  throw std::runtime_error("no tensor " + name);
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_DAMAGE_H_
