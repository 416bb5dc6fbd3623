#ifndef PILOTFISH_KERNELS_PACKED_LAYOUT_H_
#define PILOTFISH_KERNELS_PACKED_LAYOUT_H_

#include <cstdint>

namespace pilotfish {

// Weights rearranged for products: 16 rows side by side, so that one vector
// holds a step of them all. Rows are taken in groups of 16, their columns in
// blocks of 32. A group is, contiguous:
//
//   records  one for each span of columns (a block, or 256 columns of the "k"
//            types): the scales of the 16 rows, then what else they have
//   quants   one entry for each block: words of four columns per row. Word r of
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

// Not `inline`: code of one instruction set must not share a symbol with
// another's.
constexpr PackedLayout kQ8_0Layout = {32, 32, 512};
constexpr PackedLayout kQ4_0Layout = {32, 32, 256};
constexpr PackedLayout kQ4_KLayout = {256, 320, 256};
constexpr PackedLayout kQ5_KLayout = {256, 320, 320};
constexpr PackedLayout kQ6_KLayout = {256, 288, 384};
constexpr PackedLayout kBF16Layout = {32, 0, 1024};

constexpr std::int64_t kPackedRows = 16;
constexpr std::int64_t kPackedColumns = 32;

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_PACKED_LAYOUT_H_
