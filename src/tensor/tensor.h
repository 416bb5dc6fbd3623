#ifndef PILOTFISH_TENSOR_TENSOR_H_
#define PILOTFISH_TENSOR_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace pilotfish {

// A named tensor that lies somewhere else, usually in a mapped file. Row-major;
// shape[0] is the outermost dimension, as in PyTorch: [out, in] for a linear
// layer (GGUF's dimensions are reversed on reading). Quantised blocks run along
// the innermost dimension.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  const std::byte* data = nullptr;  // may be unaligned
  std::int64_t bytes = 0;

  std::int64_t elements() const {
    std::int64_t product = 1;
    for (const std::int64_t extent : shape) product *= extent;
    return product;
  }
};

// "[32000, 4096]"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace pilotfish

#endif  // PILOTFISH_TENSOR_TENSOR_H_
