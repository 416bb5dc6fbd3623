#ifndef PILOTFISH_KERNELS_CPU_SIMD_MATMUL_H_
#define PILOTFISH_KERNELS_CPU_SIMD_MATMUL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd/elementwise.h"
#include "kernels/cpu/simd/fetch.h"
#include "kernels/cpu/simd/unpack.h"
#include "kernels/kernels.h"

// The matrix product for vectors V, written once for all sets.
//
// Columns are taken in steps of Source::kColumns. Lane l of an output element's
// one accumulator sums the products that fall to it, step after step from the
// first column to the last (the last step is padded with zeros); at the end its
// lanes are added by V::sum. Tiles, chunks and batches only decide when a step
// is done and where the accumulator waits meanwhile, so none of them shows in
// the bits.
namespace pilotfish::simd {

// Weight sources: how a step of a weight row is loaded and multiplied, in
// kParts parts that need few registers each, while registers also hold `sums`
// vectors of sums. The activations of a step take kActivationBytes and are laid
// out to match.

// bf16 widened by a shift (even columns) and a mask (odd columns). Activations:
// kLanes floats of even columns, then kLanes of odd ones.
template <typename V>
struct Bf16Source {
  using Floats = typename V::Floats;
  static constexpr int kParts = 2;
  static constexpr int kColumns = 2 * V::kLanes;
  static constexpr int kWeightBytes = 2 * kColumns;
  static constexpr int kActivationBytes = 4 * kColumns;

  static Floats weights(const std::byte *p, int part, int sums) {
    return part == 0 ? V::load_even_bf16(p) : V::load_odd_bf16(p, sums);
  }
  static Floats activations(const std::byte *p, int part) {
    return V::load_f32(p + part * 4 * V::kLanes);
  }
  static Floats multiply_add(Floats w, Floats x, Floats sum) {
    return V::fma(w, x, sum);
  }
};

// f32 (also what quantised rows are unpacked to) and f16. Activations: floats
// in order.
template <typename V>
struct F32Source : Bf16Source<V> {
  static constexpr int kWeightBytes = 8 * V::kLanes;

  static typename V::Floats weights(const std::byte *p, int part,
                                    int /*sums*/) {
    return V::load_f32(p + part * 4 * V::kLanes);
  }
};

template <typename V>
struct F16Source : Bf16Source<V> {
  static typename V::Floats weights(const std::byte *p, int part,
                                    int /*sums*/) {
    return V::load_f16(p + part * 2 * V::kLanes);
  }
};

// Blocks of q8_0 and q4_0 taken apart in registers, one a step: for few
// activation rows that is faster than by way of memory. Products and their
// order are those of unpacked rows in F32Source.
template <typename V>
struct Q8Source : Bf16Source<V> {
  static constexpr int kColumns = 32;
  static constexpr int kParts = kColumns / V::kLanes;
  static constexpr int kWeightBytes = 34;
  static constexpr int kActivationBytes = 4 * kColumns;

  static typename V::Floats weights(const std::byte *p, int part,
                                    int /*sums*/) {
    return V::multiply(V::from_s8(V::load_bytes(p + 2 + part * V::kLanes)),
                       V::broadcast(half(p)));
  }
};

template <typename V>
struct Q4Source : Q8Source<V> {
  static constexpr int kWeightBytes = 18;

  static typename V::Floats weights(const std::byte *p, int part,
                                    int /*sums*/) {
    const int element = part * V::kLanes;
    __m128i bytes = V::load_bytes(p + 2 + element % 16);
    if (element >= 16) bytes = _mm_srli_epi16(bytes, 4);
    bytes =
        _mm_sub_epi8(_mm_and_si128(bytes, _mm_set1_epi8(15)), _mm_set1_epi8(8));
    return V::multiply(V::from_s8(bytes), V::broadcast(half(p)));
  }
};

// Rows of weights or activations from one step on.
struct Rows {
  const std::byte *first;
  std::int64_t stride;  // bytes from one row to the next
};

// What a tile fetches from memory meanwhile, at each step for each of its rows.
struct Ahead {
  const std::byte *first = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t step_stride = 0;
};

// Some steps of weight rows times activation rows, to be added to
// sums[r * kBlockM + i].
template <typename V>
struct Work {
  Rows weights;
  Rows x;
  std::int64_t steps;
  Ahead ahead;
  typename V::Floats *sums;
};

// Activation rows that share a pass over the weights; their chunks stay in the
// second-level cache.
constexpr std::int64_t kBlockM = 32;

// R weight rows times M activation rows.
template <typename V, typename Source, int R, int M, bool kFetch>
[[gnu::noinline]] void multiply_tile(const Work<V> &work) {
  typename V::Floats tile[R][M];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) tile[r][i] = work.sums[r * kBlockM + i];
  }
  const std::byte *weights = work.weights.first;
  const std::int64_t weights_stride = work.weights.stride;
  const std::byte *x = work.x.first;
  const std::int64_t x_stride = work.x.stride;
  const Ahead ahead = work.ahead;
  const std::byte *fetched = ahead.first;
  for (std::int64_t s = work.steps; s > 0; --s) {
#pragma GCC unroll 4
    for (int part = 0; part < Source::kParts; ++part) {
      decltype(Source::weights(weights, part, R * M)) row[R];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        row[r] = Source::weights(weights + r * weights_stride, part, R * M);
      }
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        const auto input = Source::activations(x + i * x_stride, part);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          tile[r][i] = Source::multiply_add(row[r], input, tile[r][i]);
        }
      }
    }
    if constexpr (kFetch) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) fetch(fetched + r * ahead.row_stride);
      fetched += ahead.step_stride;
    }
    weights += Source::kWeightBytes;
    x += Source::kActivationBytes;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) work.sums[r * kBlockM + i] = tile[r][i];
  }
}

// The same for a number of activation rows from kLeast to M.
template <typename V, typename Source, int R, int M, int kLeast, bool kFetch>
void multiply_some(std::int64_t rows, const Work<V> &work) {
  if constexpr (M > kLeast) {
    if (rows < M) {
      multiply_some<V, Source, R, M - 1, kLeast, kFetch>(rows, work);
      return;
    }
  }
  multiply_tile<V, Source, R, M, kFetch>(work);
}

// The next tile's activation rows, `left` being left. Where two tiles are left,
// they are of like size: a small one is slow.
template <typename V>
constexpr std::int64_t next_tile(std::int64_t left) {
  constexpr std::int64_t kMost = V::kMaxTileM;
  return left <= kMost ? left : left >= 2 * kMost ? kMost : (left + 1) / 2;
}

// The fewest rows of any tile, or of the first, over all passes that fill the
// largest tile. Smaller ones would be compiled, which takes long, for nothing.
template <typename V>
constexpr int least_tile(bool only_first) {
  std::int64_t least = V::kMaxTileM;
  for (std::int64_t m = V::kMaxTileM; m <= kBlockM; ++m) {
    for (std::int64_t left = m; left > 0; left -= next_tile<V>(left)) {
      if ((left == m || !only_first) && next_tile<V>(left) < least) {
        least = next_tile<V>(left);
      }
    }
  }
  return static_cast<int>(least);
}

// The same for m activation rows: M of them or, where M is the largest tile, as
// many as that or more. The first tile fetches for the others, too.
template <typename V, typename Source, int R, int M, bool kFetch>
void multiply_rows(std::int64_t m, Work<V> work) {
  if constexpr (M < V::kMaxTileM) {
    multiply_tile<V, Source, R, M, kFetch>(work);
  } else {
    bool is_first = true;
    while (m > 0) {
      const std::int64_t rows = next_tile<V>(m);
      if (kFetch && is_first) {
        multiply_some<V, Source, R, M, least_tile<V>(true), kFetch>(rows, work);
      } else {
        multiply_some<V, Source, R, M, least_tile<V>(false), false>(rows, work);
      }
      is_first = false;
      work.x.first += rows * work.x.stride;
      work.sums += rows;
      m -= rows;
    }
  }
}

// Bytes from one packed row to the next: whole steps, and one more where the
// rows of a tile would otherwise meet in the same sets of the first-level
// cache.
template <typename Source>
std::int64_t activation_stride(std::int64_t columns) {
  const std::int64_t bytes = (columns + Source::kColumns - 1) /
                             Source::kColumns * Source::kActivationBytes;
  return bytes % 1024 == 0 ? bytes + 128 : bytes;
}

// Columns of a chunk. Chunks of unpacked rows must stay in the first-level
// cache and be whole blocks of every quantised type.
constexpr std::int64_t kUnpackedChunk = 512;
constexpr std::int64_t kInPlaceChunk = 1024;

// Bytes between a weight's being fetched and its use.
constexpr std::int64_t kAhead = 6144;

// What to fetch while R rows in place are multiplied. Whole rows are one
// stretch of memory and are fetched in its order, which is what the
// processor's own prefetching works with best; of chunks, the rows to come.
template <typename Source, int R>
Ahead fetched_by(Rows rows, bool is_whole) {
  if (is_whole) {
    return {rows.first + (R - 1) * rows.stride + kAhead, Source::kWeightBytes,
            R * Source::kWeightBytes};
  }
  return {rows.first + R * rows.stride, rows.stride, Source::kWeightBytes};
}

// R weight rows as floats, kUnpackedChunk apart. The same columns of the next
// rows are fetched meanwhile.
template <typename V, int R>
[[gnu::noinline]] void unpack_rows(DType dtype, Rows rows,
                                   std::int64_t n_columns, std::byte *buffer) {
  const std::int64_t bytes = row_bytes(dtype, n_columns);
  for (int r = 0; r < R; ++r) {
    const std::byte *row = rows.first + r * rows.stride;
    for (std::int64_t at = 0; at < bytes; at += 64) {
      fetch(row + R * rows.stride + at);
    }
    Unpacker<V>::row(dtype, row,
                     reinterpret_cast<float *>(buffer) + r * kUnpackedChunk,
                     n_columns);
  }
}

// The activation rows that share a pass, and the weight rows [begin, end).
struct Pass {
  std::int64_t first;
  std::int64_t count;
  std::int64_t begin;
  std::int64_t end;
};

// R weight rows from row n on times a pass's activation rows, as many as
// multiply_rows takes.
template <typename V, typename Source, bool kUnpack, int R, int M>
void multiply_block(const MatmulArgs &args, const Pass &pass, std::int64_t n) {
  const WeightMatrix &weights = args.weights;
  const std::int64_t columns = weights.columns;
  const std::int64_t w_stride = row_bytes(weights.dtype, columns);
  const std::int64_t x_stride = activation_stride<Source>(columns);
  const std::byte *w = weights.data + n * w_stride;
  const std::byte *x = args.activations + pass.first * x_stride;

  typename V::Floats sums[R * kBlockM];
  for (int r = 0; r < R; ++r) {
    for (std::int64_t i = 0; i < pass.count; ++i) {
      sums[r * kBlockM + i] = V::zero();
    }
  }
  alignas(64) std::byte
      buffer[R * (kUnpack ? 4 * kUnpackedChunk : Source::kWeightBytes)];
  const std::int64_t whole = columns / Source::kColumns * Source::kColumns;
  std::int64_t chunk = kUnpack ? kUnpackedChunk : kInPlaceChunk;
  if (!kUnpack && pass.count <= M) chunk = whole;  // nothing is read twice

  // Steps [first, first + steps) of the rows.
  const auto multiply_steps = [&](Rows rows, std::int64_t first,
                                  std::int64_t steps, Ahead ahead) {
    multiply_rows<V, Source, R, M, !kUnpack>(
        pass.count, {rows,
                     {x + first * Source::kActivationBytes, x_stride},
                     steps,
                     ahead,
                     sums});
  };
  for (std::int64_t k = 0; k < whole; k += chunk) {
    const std::int64_t n_columns = k + chunk < whole ? chunk : whole - k;
    Rows rows{w + row_bytes(weights.dtype, k), w_stride};
    Ahead ahead;
    if constexpr (kUnpack) {
      unpack_rows<V, R>(weights.dtype, rows, n_columns, buffer);
      rows = {buffer, 4 * kUnpackedChunk};
    } else {
      ahead = fetched_by<Source, R>(rows, n_columns == whole);
    }
    multiply_steps(rows, k / Source::kColumns, n_columns / Source::kColumns,
                   ahead);
  }
  if constexpr (!kUnpack) {  // quantised rows are whole steps
    if (whole < columns) {
      const std::int64_t done = row_bytes(weights.dtype, whole);
      for (int r = 0; r < R; ++r) {
        std::byte *step = buffer + r * Source::kWeightBytes;
        std::memset(step, 0, Source::kWeightBytes);
        std::memcpy(step, w + r * w_stride + done,
                    static_cast<size_t>(w_stride - done));
      }
      multiply_steps({buffer, Source::kWeightBytes}, whole / Source::kColumns,
                     1, {buffer});
    }
  }
  for (std::int64_t i = 0; i < pass.count; ++i) {
    float *out = args.out + (pass.first + i) * args.out_stride + n;
    for (int r = 0; r < R; ++r) out[r] = V::sum(sums[r * kBlockM + i]);
  }
}

// Chooses the tile for a pass: M is the first candidate for its activation
// rows.
template <typename V, typename Source, bool kUnpack, int M = V::kMaxTileM>
void multiply_pass(const MatmulArgs &args, const Pass &pass) {
  if constexpr (M > 1) {
    if (pass.count < M) {
      multiply_pass<V, Source, kUnpack, M - 1>(args, pass);
      return;
    }
  }
  constexpr int R = V::tile_rows(M);
  if (pass.end - pass.begin < R) {  // so rare that it may be slow
    for (std::int64_t i = 0; i < pass.count; ++i) {
      for (std::int64_t n = pass.begin; n < pass.end; ++n) {
        multiply_block<V, Source, kUnpack, 1, 1>(
            args, {pass.first + i, 1, n, n + 1}, n);
      }
    }
    return;
  }
  std::int64_t n = pass.begin;
  for (; n + R <= pass.end; n += R) {
    multiply_block<V, Source, kUnpack, R, M>(args, pass, n);
  }
  // The last rows, some of them once more.
  if (n < pass.end) {
    multiply_block<V, Source, kUnpack, R, M>(args, pass, pass.end - R);
  }
}

template <typename V, typename Source, bool kUnpack>
void multiply(const MatmulArgs &args, std::int64_t begin, std::int64_t end) {
  for (std::int64_t first = 0; first < args.m; first += kBlockM) {
    const std::int64_t count =
        args.m - first < kBlockM ? args.m - first : kBlockM;
    multiply_pass<V, Source, kUnpack>(args, {first, count, begin, end});
  }
}

template <typename V>
std::int64_t activation_bytes(DType /*weights*/, std::int64_t columns) {
  return activation_stride<F32Source<V>>(columns);
}

template <typename V>
void pack_activations(DType weights, const float *x, std::int64_t columns,
                      std::byte *out) {
  auto *floats = reinterpret_cast<float *>(out);
  for (std::int64_t k = 0; k < columns; k += 2 * V::kLanes) {
    typename V::Floats a = load_at_most<V>(x + k, columns - k);
    typename V::Floats b =
        columns - k > V::kLanes
            ? load_at_most<V>(x + k + V::kLanes, columns - k - V::kLanes)
            : V::zero();
    if (weights == DType::kBF16) {
      const typename V::Floats first = a;
      V::deinterleave(first, b, a, b);
    }
    V::store(floats + k, a);
    V::store(floats + k + V::kLanes, b);
  }
}

// Blocks of q8_0 and q4_0 are taken apart once for each tile of activation
// rows; for more tiles than these, once by way of memory is cheaper.
template <typename V>
void matmul(const MatmulArgs &args, std::int64_t begin, std::int64_t end) {
  switch (args.weights.dtype) {
    case DType::kF32:
      return multiply<V, F32Source<V>, false>(args, begin, end);
    case DType::kF16:
      return multiply<V, F16Source<V>, false>(args, begin, end);
    case DType::kBF16:
      return multiply<V, Bf16Source<V>, false>(args, begin, end);
    case DType::kQ8_0:
      if (args.m > 3 * V::kMaxTileM) break;
      return multiply<V, Q8Source<V>, false>(args, begin, end);
    case DType::kQ4_0:
      if (args.m > V::kMaxTileM) break;
      return multiply<V, Q4Source<V>, false>(args, begin, end);
    default:
      break;
  }
  multiply<V, F32Source<V>, true>(args, begin, end);
}

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_MATMUL_H_
