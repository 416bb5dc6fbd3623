#ifndef PILOTFISH_KERNELS_PACKED_MATRIX_H_
#define PILOTFISH_KERNELS_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/huge_buffer.h"
#include "kernels/kernels.h"
#include "kernels/packed_layout.h"
#include "tensor/dtype.h"

namespace pilotfish {

// Weights as packed_layout.h lays them out.
class PackedMatrix {
 public:
  // Whether there is a packed layout for such a matrix: its dtype has one, and
  // rows and columns make whole groups and blocks.
  static bool supports(DType dtype, std::int64_t rows, std::int64_t columns);

  // Requires: supports(dtype, rows, columns). The weights are uninitialised.
  // Throws std::bad_alloc.
  PackedMatrix(DType dtype, std::int64_t rows, std::int64_t columns);

  std::int64_t groups() const { return weights_.rows / kPackedRows; }
  std::int64_t bytes() const { return bytes_; }

  // Fills group `group` with its 16 rows, given row-major in the dtype's own
  // format. Several threads may fill different groups.
  void pack(std::int64_t group, const std::byte* rows);

  // Refers to this matrix's memory.
  const WeightMatrix& weights() const { return weights_; }

 private:
  HugeBuffer buffer_;
  std::int64_t bytes_;
  WeightMatrix weights_;
};

// Where the rows [begin, end) of any matrix lie, packed or not. Requires of
// packed ones: both are multiples of kPackedRows.
std::span<const std::byte> rows_of(const WeightMatrix& weights,
                                   std::int64_t begin, std::int64_t end);

// 32 weights of a row of a packed quantised matrix: weight c is
// scales[c / 16] * quants[c] - minimum.
struct PackedBlock {
  std::int32_t quants[kPackedColumns];
  float scales[2];
  float minimum;
};
PackedBlock packed_block(const WeightMatrix& weights, std::int64_t row,
                         std::int64_t block);

// One row of any matrix, packed or not, as floats (embeddings).
void dequantise_weights(const Kernels& kernels, const WeightMatrix& weights,
                        std::int64_t row, float* out);

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_PACKED_MATRIX_H_
