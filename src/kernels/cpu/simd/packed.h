#ifndef PILOTFISH_KERNELS_CPU_SIMD_PACKED_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PACKED_H_

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

// Products with packed weights (kernels/packed_matrix.h), for any instruction
// set. A Format is a dtype in a set:
//
//   kSpan, kRecordBytes, kQuantBytes  the dtype's PackedLayout
//   kInputBytes                       a row's activations for one block
//   kMaxTileM                         activation rows that registers hold
//   pack(x, out)                      32 floats to kInputBytes
//   Scales, scales(record, i)         of block i of a record
//   tile<M>(quants, scales, input, sums)
//       adds a block's products with M rows, whose inputs lie next to each
//       other, to sums[M * 16]
//
// Integer sums within a block are exact. An output element is then summed in
// float, one addition for each block (or each of its scales), from the first
// block to the last.
namespace pilotfish::simd {

// Activation rows of a pass over a group's weights.
constexpr std::int64_t kPackedBlockM = 32;

// The activations of block b of all m rows are neighbours: [blocks, m].
template <typename Format>
void pack_rows(const float* x, std::int64_t columns, std::int64_t row,
               std::int64_t m, std::byte* out) {
  for (std::int64_t b = 0; b < columns / 32; ++b) {
    Format::pack(x + 32 * b, out + (b * m + row) * Format::kInputBytes);
  }
}

// Calls the tile for `count` rows, 1 <= count <= M.
template <typename Format, int M = Format::kMaxTileM>
void packed_tile(int count, const std::byte* quants,
                 const typename Format::Scales& scales, const std::byte* input,
                 float* sums) {
  if constexpr (M > 1) {
    if (count < M) {
      packed_tile<Format, M - 1>(count, quants, scales, input, sums);
      return;
    }
  }
  Format::template tile<M>(quants, scales, input, sums);
}

// One group of 16 weight rows times `count` activation rows.
template <typename Format>
void multiply_group(const std::byte* records, std::int64_t blocks,
                    const std::byte* input, std::int64_t input_stride,
                    int count, float* sums) {
  constexpr int kBlocks = Format::kSpan / 32;  // that share a record
  constexpr std::int64_t kAhead = 2048;        // bytes of quants to prefetch
  const std::byte* quants = records + blocks / kBlocks * Format::kRecordBytes;
  const int tiles = (count + Format::kMaxTileM - 1) / Format::kMaxTileM;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const typename Format::Scales scales =
        Format::scales(records, static_cast<int>(b % kBlocks));
    for (int at = 0; at < Format::kQuantBytes; at += 64) {
      __builtin_prefetch(quants + kAhead + at);
    }
    int first = 0;
    for (int tile = 0; tile < tiles; ++tile) {  // of like size
      const int size = (count - first) / (tiles - tile);
      packed_tile<Format>(size, quants, scales,
                          input + first * Format::kInputBytes,
                          sums + 16 * first);
      first += size;
    }
    quants += Format::kQuantBytes;
    input += input_stride;
    if (b % kBlocks == kBlocks - 1) records += Format::kRecordBytes;
  }
}

template <typename Format>
void multiply_packed(const MatmulArgs& args, std::int64_t begin,
                     std::int64_t end) {
  const std::int64_t blocks = args.weights.columns / 32;
  const std::int64_t group_bytes =
      args.weights.columns / Format::kSpan * Format::kRecordBytes +
      blocks * Format::kQuantBytes;
  for (std::int64_t first = 0; first < args.m; first += kPackedBlockM) {
    const int count = static_cast<int>(
        args.m - first < kPackedBlockM ? args.m - first : kPackedBlockM);
    for (std::int64_t n = begin; n < end; n += 16) {
      alignas(64) float sums[16 * kPackedBlockM];
      for (int i = 0; i < 16 * count; ++i) sums[i] = 0;
      multiply_group<Format>(args.weights.data + n / 16 * group_bytes, blocks,
                             args.activations + first * Format::kInputBytes,
                             args.m * Format::kInputBytes, count, sums);
      for (int i = 0; i < count; ++i) {
        float* out = args.out + (first + i) * args.out_stride + n;
        __builtin_memcpy(out, sums + 16 * i, 64);
      }
    }
  }
}

// The functions of PackedKernels for a set's formats, each named for its dtype.
template <typename Formats>
struct PackedFunctions {
  // Calls function(Format) for the dtype's one.
  template <typename Function>
  static void with_format(DType dtype, const Function& function) {
    switch (dtype) {
      case DType::kQ8_0:
        return function(typename Formats::Q8_0{});
      case DType::kQ4_0:
        return function(typename Formats::Q4_0{});
      case DType::kQ4_K:
        return function(typename Formats::Q4_K{});
      case DType::kQ5_K:
        return function(typename Formats::Q5_K{});
      case DType::kQ6_K:
        return function(typename Formats::Q6_K{});
      default:
        __builtin_unreachable();
    }
  }

  static std::int64_t activation_bytes(DType dtype, std::int64_t columns) {
    std::int64_t bytes = 0;
    with_format(dtype, [&](auto format) {
      bytes = columns / 32 * decltype(format)::kInputBytes;
    });
    return bytes;
  }
  static void pack_activations(DType dtype, const float* x,
                               std::int64_t columns, std::int64_t row,
                               std::int64_t m, std::byte* out) {
    with_format(dtype, [&](auto format) {
      pack_rows<decltype(format)>(x, columns, row, m, out);
    });
  }
  static void matmul(const MatmulArgs& args, std::int64_t begin,
                     std::int64_t end) {
    with_format(args.weights.dtype, [&](auto format) {
      multiply_packed<decltype(format)>(args, begin, end);
    });
  }

  static constexpr PackedKernels table() {
    return {activation_bytes, pack_activations, matmul};
  }
};

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PACKED_H_
