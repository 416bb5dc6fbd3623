#ifndef PILOTFISH_KERNELS_CPU_SIMD_PACKED_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PACKED_H_

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/simd/fetch.h"
#include "kernels/kernels.h"
#include "kernels/packed_layout.h"

// Products with packed weights (kernels/packed_layout.h), for any instruction
// set. A Format is a dtype in a set:
//
//   kLayout                           the dtype's PackedLayout
//   kInputBytes                       a row's activations for one block
//   kMaxTileM                         activation rows that registers hold
//   kMinFetchM                        rows from which fetching ahead helps the
//                                     processor's own prefetching
//   pack(x, out)                      32 floats to kInputBytes
//   kNearBytes                        0, or how far ahead quants are brought
//   from
//                                     the second-level cache to the first
//   Scales(record, i)                 of block i of a record
//   Sums<M>(sums), store(sums)        holds the sums[M * 16] of a tile
//   kSumsBySpan                       whether Sums<M> are to be stored after
//                                     every kPackedChunkBytes of a group
//   tile<M>(quants, scales, input, tile_sums)
//       adds a block's products with M rows, whose inputs lie next to each
//       other, to a Sums<M>
//
// Of quantised weights, integer sums within a block are exact; an output
// element is then summed in float, one addition for each block (or each of its
// scales), from the first block to the last.
namespace pilotfish::simd {

// Activation rows of a pass over a group's weights.
constexpr std::int64_t kPackedBlockM = 32;

// Bytes of weights that several tiles read by turns, from the first-level cache
// after the first of them; and of a span where kSumsBySpan.
constexpr std::int64_t kPackedChunkBytes = 8192;

// How far ahead of its use a weight is fetched from memory, in bytes. Several
// tiles share in the fetching, so that memory is never idle.
constexpr std::int64_t kPackedAhead = 16384;

// Rows from which arithmetic no longer leaves the time to wait for the
// second-level cache.
constexpr int kPackedNearM = 3;

template <typename Format>
std::int64_t input_bytes(std::int64_t columns) {
  return columns / 32 * Format::kInputBytes;
}

// The activations of block b of all m rows are neighbours: [blocks, m].
template <typename Format>
void pack_rows(const float* x, std::int64_t columns, std::int64_t row,
               std::int64_t m, std::byte* out) {
  for (std::int64_t b = 0; b < columns / 32; ++b) {
    Format::pack(x + 32 * b, out + (b * m + row) * Format::kInputBytes);
  }
}

template <typename Format>
constexpr std::int64_t kBlocksOfRecord = Format::kLayout.span / 32;

// Bytes of a group's block with its share of the record.
template <typename Format>
constexpr std::int64_t kBlockBytes =
    Format::kLayout.quant_bytes +
    Format::kLayout.record_bytes / kBlocksOfRecord<Format>;

// Consecutive blocks of a group, from the first of a record on.
struct PackedBlocks {
  const std::byte* records;
  const std::byte* quants;
  std::int64_t count;
  const std::byte* ahead;    // what to fetch meanwhile,
  std::int64_t ahead_bytes;  // so much per block
};

// Adds the blocks' products with M activation rows to sums[M * 16].
template <typename Format, int M>
void multiply_tile(const PackedBlocks& blocks, const std::byte* input,
                   std::int64_t input_stride, float* sums) {
  constexpr std::int64_t kBlocks = kBlocksOfRecord<Format>;
  typename Format::template Sums<M> tile_sums(sums);
  const std::byte* quants = blocks.quants;
  const std::byte* ahead = blocks.ahead;
  for (std::int64_t b = 0; b < blocks.count; ++b) {
    const typename Format::Scales scales(
        blocks.records + b / kBlocks * Format::kLayout.record_bytes,
        static_cast<int>(b % kBlocks));
    if constexpr (M >= Format::kMinFetchM) {
      for (std::int64_t at = 0; at < blocks.ahead_bytes; at += 64) {
        fetch(ahead + at);
      }
      if constexpr (Format::kNearBytes > 0 && M >= kPackedNearM) {
        for (std::int64_t at = 0; at < Format::kLayout.quant_bytes; at += 64) {
          fetch_near(quants + at + Format::kNearBytes);
        }
      }
    }
    ahead += blocks.ahead_bytes;
    Format::template tile<M>(quants, scales, input, tile_sums);
    quants += Format::kLayout.quant_bytes;
    input += input_stride;
  }
  tile_sums.store(sums);
}

// The same for `count` rows, 1 <= count <= M.
template <typename Format, int M = Format::kMaxTileM>
void multiply_rows(int count, const PackedBlocks& blocks,
                   const std::byte* input, std::int64_t input_stride,
                   float* sums) {
  if constexpr (M > 1) {
    if (count < M) {
      multiply_rows<Format, M - 1>(count, blocks, input, input_stride, sums);
      return;
    }
  }
  multiply_tile<Format, M>(blocks, input, input_stride, sums);
}

// One group of 16 weight rows times `count` activation rows.
template <typename Format>
void multiply_group(const std::byte* group, std::int64_t blocks,
                    const std::byte* input, std::int64_t input_stride,
                    int count, float* sums) {
  constexpr std::int64_t kBlocks = kBlocksOfRecord<Format>;
  constexpr std::int64_t kChunk =
      kPackedChunkBytes / kBlockBytes<Format> / kBlocks * kBlocks;
  const std::byte* all_quants =
      group + blocks / kBlocks * Format::kLayout.record_bytes;
  const int tiles = (count + Format::kMaxTileM - 1) / Format::kMaxTileM;
  const std::int64_t chunk = tiles > 1 || Format::kSumsBySpan ? kChunk : blocks;
  for (std::int64_t b = 0; b < blocks; b += chunk) {
    PackedBlocks part = {
        .records = group + b / kBlocks * Format::kLayout.record_bytes,
        .quants = all_quants + b * Format::kLayout.quant_bytes,
        .count = b + chunk < blocks ? chunk : blocks - b,
        .ahead = group + b * kBlockBytes<Format> + kPackedAhead,
        .ahead_bytes = kBlockBytes<Format> / tiles,
    };
    int first = 0;
    for (int tile = 0; tile < tiles; ++tile) {  // of like size
      const int size = (count - first) / (tiles - tile);
      multiply_rows<Format>(
          size, part, input + b * input_stride + first * Format::kInputBytes,
          input_stride, sums + 16 * first);
      part.ahead += part.count * part.ahead_bytes;
      first += size;
    }
  }
}

template <typename Format>
void multiply_packed(const MatmulArgs& args, std::int64_t begin,
                     std::int64_t end) {
  const std::int64_t blocks = args.weights.columns / 32;
  const std::int64_t group_bytes = blocks * kBlockBytes<Format>;
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

// The functions of PackedKernels for a set's formats of quantised weights, each
// named for its dtype.
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
      bytes = input_bytes<decltype(format)>(columns);
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
    return {.has_bf16 = false,
            .activation_bytes = activation_bytes,
            .pack_activations = pack_activations,
            .matmul = matmul};
  }
};

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PACKED_H_
