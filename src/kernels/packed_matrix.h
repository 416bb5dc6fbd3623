#ifndef PILOTFISH_KERNELS_PACKED_MATRIX_H_
#define PILOTFISH_KERNELS_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>

#include "base/huge_buffer.h"
#include "kernels/kernels.h"
#include "tensor/dtype.h"

namespace pilotfish {

// Weights rearranged for products: 16 rows side by side, so that one vector
// holds a step of them all. Rows are taken in groups of 16, their columns in
// blocks of 32. A group is, contiguous:
//
//   records  one for each span of columns (a block, or 256 columns of the "k"
//            types): the scales of the 16 rows, then what else they have
//   quants   one entry for each block: words of four columns a row. Word r of
//            64 bytes belongs to row r of the group.
//
//         record                       quants of a block, in lines of 64 bytes
//   q8_0  f16 d[16]                    8: q + 128
//   q4_0  f16 d[16]                    4: word s has columns 4s.. in the low
//                                      and 16 + 4s.. in the high halves of its
//                                      bytes
//   q4_k  f16 d[16], f16 dmin[16];     4 as q4_0
//         for each block scale[16],
//         minimum[16]
//   q5_k  as q4_k                      4 as q4_0, 1 of fifth bits: bit s of
//                                      byte j is that of column 4s + j
//   q6_k  f16 d[16]; for each half of  4 as q4_0, 2 of top bits: bits 2s.. of
//         a block scale[16]            byte j of line t are those of column
//                                      16t + 4s + j
//   bf16  none                         16: word s has columns 2s and 2s + 1
//
// It takes as many bytes as the file's own format (3 % more for q4_k and q5_k),
// and loses nothing.
struct PackedLayout {
  std::int64_t span;          // columns of a record
  std::int64_t record_bytes;  // of 16 rows
  std::int64_t quant_bytes;   // of 16 rows and 32 columns
};

inline constexpr std::int64_t kPackedRows = 16;
inline constexpr std::int64_t kPackedColumns = 32;

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
