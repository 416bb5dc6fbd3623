#ifndef PILOTFISH_TENSOR_DTYPE_H_
#define PILOTFISH_TENSOR_DTYPE_H_

#include <cstddef>
#include <cstdint>

#include "pilotfish/dtype.h"

namespace pilotfish {

// Elements a block holds (1 for the plain types) and the bytes it takes.
struct BlockShape {
  std::int64_t elements;
  std::int64_t bytes;
};
BlockShape block_shape(DType dtype);

inline bool is_quantised(DType dtype) {
  return block_shape(dtype).elements > 1;
}

// Bytes of a row of `elements`, which must be a multiple of the block's.
std::int64_t row_bytes(DType dtype, std::int64_t elements);

}  // namespace pilotfish

#endif  // PILOTFISH_TENSOR_DTYPE_H_
