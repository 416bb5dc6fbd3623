#ifndef PILOTFISH_KERNELS_CPU_SIMD_ATTENTION_H_
#define PILOTFISH_KERNELS_CPU_SIMD_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd/elementwise.h"
#include "kernels/cpu/simd/math.h"
#include "kernels/cpu/simd/unpack.h"
#include "kernels/kernels.h"

// Soft-max attention for vectors V in one pass over the cache (Milakov and
// Gimelshein, arXiv:1805.02867; Dao et al., arXiv:2205.14135).
//
// A query is one head of one row. Positions are taken in tiles of at most
// kTile, cut at the cache blocks' starts and every kTile positions after them.
// For each tile a query's scores are computed, its largest score so far and its
// sum of weights are updated, and the weighted values are added to its output
// row. Keys and values of a tile are loaded once for a few queries at a time,
// and stay in the first-level cache for the others. A query's own steps depend
// on its positions alone, so the grouping never shows in the bits.
namespace pilotfish::simd {

constexpr int kTile = 32;
constexpr int kMaxQueries = 64;  // in one pass over the cache
constexpr int kQueryGroup = 4;   // that share a load of keys or values

struct Query {
  const float* q;
  float* out;
  std::int64_t begin;  // positions attended to: [begin, end)
  std::int64_t end;
  float largest;  // score so far
  float total;    // of the weights, relative to e^largest
};

// Cache elements of each type as vectors.
template <typename V>
struct F32Element {
  static constexpr int kBytes = 4;
  static typename V::Floats load(const std::byte* p) { return V::load_f32(p); }
};
template <typename V>
struct F16Element {
  static constexpr int kBytes = 2;
  static typename V::Floats load(const std::byte* p) { return V::load_f16(p); }
};
template <typename V>
struct Bf16Element {
  static constexpr int kBytes = 2;
  static typename V::Floats load(const std::byte* p) { return V::load_bf16(p); }
};

// Cache rows: a vector of elements from element d on.
template <typename V, typename Element>
struct PlainCache {
  static std::int64_t row_bytes(std::int64_t n) { return n * Element::kBytes; }
  static typename V::Floats load(const std::byte* row, std::int64_t d) {
    return Element::load(row + d * Element::kBytes);
  }
  // n of them, n < kLanes, and zeros.
  static typename V::Floats load(const std::byte* row, std::int64_t d,
                                 std::int64_t n) {
    alignas(64) std::byte buffer[V::kLanes * Element::kBytes] = {};
    std::memcpy(buffer, row + d * Element::kBytes,
                static_cast<size_t>(n) * Element::kBytes);
    return Element::load(buffer);
  }
};

// q8_0. Whole blocks of 32: no vector is cut.
template <typename V>
struct Q8Cache {
  static std::int64_t row_bytes(std::int64_t n) { return n / 32 * 34; }
  static typename V::Floats load(const std::byte* row, std::int64_t d) {
    const std::byte* block = row + d / 32 * 34;
    return V::multiply(V::from_s8(V::load_bytes(block + 2 + d % 32)),
                       V::broadcast(half(block)));
  }
  static typename V::Floats load(const std::byte* row, std::int64_t d,
                                 std::int64_t /*n*/) {
    return load(row, d);
  }
};

// `count` neighbouring rows of keys or values, [count, head_dim].
struct TileOfCache {
  const std::byte* rows;
  std::int64_t count;
  std::int64_t head_dim;
};
using Scores = float[kTile];  // one query's, or the weights made of them

// P positions times Q queries.
template <typename V, typename Cache, int P, int Q>
void score_positions(const std::byte* keys, std::int64_t head_dim,
                     const Query* queries, float scale, Scores* scores,
                     std::int64_t at) {
  typename V::Floats sums[P][Q];
  for (auto& row : sums) {
    for (auto& sum : row) sum = V::zero();
  }
  const std::int64_t row_bytes = Cache::row_bytes(head_dim);
  std::int64_t d = 0;
  for (; d + V::kLanes <= head_dim; d += V::kLanes) {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      const typename V::Floats key = Cache::load(keys + p * row_bytes, d);
#pragma GCC unroll 8
      for (int j = 0; j < Q; ++j) {
        sums[p][j] = V::fma(key, V::load(queries[j].q + d), sums[p][j]);
      }
    }
  }
  if (d < head_dim) {
    for (int p = 0; p < P; ++p) {
      const typename V::Floats key =
          Cache::load(keys + p * row_bytes, d, head_dim - d);
      for (int j = 0; j < Q; ++j) {
        sums[p][j] =
            V::fma(key, V::load(queries[j].q + d, head_dim - d), sums[p][j]);
      }
    }
  }
  for (int p = 0; p < P; ++p) {
    for (int j = 0; j < Q; ++j) scores[j][at + p] = V::sum(sums[p][j]) * scale;
  }
}

template <typename V, typename Cache, int Q>
void score(const TileOfCache& keys, const Query* queries, float scale,
           Scores* scores) {
  constexpr int P = 8 / Q;
  const std::int64_t row_bytes = Cache::row_bytes(keys.head_dim);
  std::int64_t p = 0;
  for (; p + P <= keys.count; p += P) {
    score_positions<V, Cache, P, Q>(keys.rows + p * row_bytes, keys.head_dim,
                                    queries, scale, scores, p);
  }
  for (; p < keys.count; ++p) {
    score_positions<V, Cache, 1, Q>(keys.rows + p * row_bytes, keys.head_dim,
                                    queries, scale, scores, p);
  }
}

// Turns a query's scores into weights e^(score - largest), and returns the
// factor by which what it has gathered so far must shrink.
template <typename V>
float weigh(Query& query, float* scores, std::int64_t count) {
  constexpr float kNone = -__builtin_huge_valf();
  std::int64_t padded = count;
  while (padded % V::kLanes != 0) scores[padded++] = kNone;
  typename V::Floats top = V::broadcast(query.largest);
  for (std::int64_t p = 0; p < padded; p += V::kLanes) {
    top = V::max(top, V::load(scores + p));
  }
  const float largest = V::largest(top);
  typename V::Floats total = V::zero();
  for (std::int64_t p = 0; p < padded; p += V::kLanes) {
    const typename V::Floats weight =
        exponential<V>(V::subtract(V::load(scores + p), V::broadcast(largest)));
    V::store(scores + p, weight);
    total = V::add(total, weight);
  }
  const float shrink =
      V::first(exponential<V>(V::broadcast(query.largest - largest)));
  query.total = query.total * shrink + V::sum(total);
  query.largest = largest;
  return shrink;
}

// out = out * shrink + weights · values, for D vectors of Q queries from
// element d on.
template <typename V, typename Cache, int Q, int D>
void gather_elements(const TileOfCache& values, const Query* queries,
                     const Scores* weights, const float* shrink,
                     std::int64_t d) {
  typename V::Floats sums[Q][D];
  for (int j = 0; j < Q; ++j) {
    for (int e = 0; e < D; ++e) {
      sums[j][e] = V::multiply(V::load(queries[j].out + d + e * V::kLanes),
                               V::broadcast(shrink[j]));
    }
  }
  const std::int64_t row_bytes = Cache::row_bytes(values.head_dim);
  const std::byte* row = values.rows;
  for (std::int64_t p = 0; p < values.count; ++p) {
    typename V::Floats value[D];
#pragma GCC unroll 8
    for (int e = 0; e < D; ++e) {
      value[e] = Cache::load(row, d + e * V::kLanes);
    }
#pragma GCC unroll 8
    for (int j = 0; j < Q; ++j) {
      const typename V::Floats weight = V::broadcast(weights[j][p]);
#pragma GCC unroll 8
      for (int e = 0; e < D; ++e) {
        sums[j][e] = V::fma(weight, value[e], sums[j][e]);
      }
    }
    row += row_bytes;
  }
  for (int j = 0; j < Q; ++j) {
    for (int e = 0; e < D; ++e) {
      V::store(queries[j].out + d + e * V::kLanes, sums[j][e]);
    }
  }
}

// The same for the last head_dim - d < kLanes elements.
template <typename V, typename Cache, int Q>
void gather_last(const TileOfCache& values, const Query* queries,
                 const Scores* weights, const float* shrink, std::int64_t d) {
  const std::int64_t left = values.head_dim - d;
  for (int j = 0; j < Q; ++j) {
    typename V::Floats sum =
        V::multiply(V::load(queries[j].out + d, left), V::broadcast(shrink[j]));
    for (std::int64_t p = 0; p < values.count; ++p) {
      const std::byte* row =
          values.rows + p * Cache::row_bytes(values.head_dim);
      sum = V::fma(V::broadcast(weights[j][p]), Cache::load(row, d, left), sum);
    }
    V::store(queries[j].out + d, sum, left);
  }
}

template <typename V, typename Cache, int Q>
void gather(const TileOfCache& values, const Query* queries,
            const Scores* weights, const float* shrink) {
  constexpr int D = 8 / Q;
  std::int64_t d = 0;
  for (; d + D * V::kLanes <= values.head_dim; d += D * V::kLanes) {
    gather_elements<V, Cache, Q, D>(values, queries, weights, shrink, d);
  }
  for (; d + V::kLanes <= values.head_dim; d += V::kLanes) {
    gather_elements<V, Cache, Q, 1>(values, queries, weights, shrink, d);
  }
  if (d < values.head_dim) {
    gather_last<V, Cache, Q>(values, queries, weights, shrink, d);
  }
}

// One tile for Q queries that attend to the same of its positions.
template <typename V, typename Cache, int Q>
void attend(const TileOfCache& keys, const TileOfCache& values, Query* queries,
            float scale) {
  alignas(64) Scores scores[Q];
  float shrink[Q];
  score<V, Cache, Q>(keys, queries, scale, scores);
  for (int j = 0; j < Q; ++j) {
    shrink[j] = weigh<V>(queries[j], scores[j], keys.count);
  }
  gather<V, Cache, Q>(values, queries, scores, shrink);
}

// The positions of [first, last) that all of `count` queries attend to, where
// they are the same for all.
struct Shared {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  int count = 0;
};

// The longest run of queries, up to kQueryGroup, that agree about this tile.
template <typename V>
Shared shared_positions(const Query* queries, std::int64_t n,
                        std::int64_t first, std::int64_t last) {
  Shared shared;
  for (; shared.count < n && shared.count < kQueryGroup; ++shared.count) {
    const Query& query = queries[shared.count];
    const std::int64_t begin = query.begin > first ? query.begin : first;
    const std::int64_t end = query.end < last ? query.end : last;
    if (shared.count == 0) {
      shared.begin = begin;
      shared.end = end;
    } else if (begin != shared.begin || end != shared.end) {
      break;
    }
  }
  return shared;
}

// All queries against one tile, positions [first, last) of one block.
template <typename V, typename Cache>
void attend_tile(const AttentionArgs& args, Query* queries, std::int64_t n,
                 std::int64_t first, std::int64_t last) {
  const std::int64_t block = first / args.block_size;
  const std::int64_t row_bytes = Cache::row_bytes(args.head_dim);
  for (std::int64_t i = 0; i < n;) {
    const Shared shared = shared_positions<V>(queries + i, n - i, first, last);
    if (shared.begin < shared.end) {
      const std::int64_t offset =
          (shared.begin - block * args.block_size) * row_bytes;
      const std::int64_t count = shared.end - shared.begin;
      const TileOfCache keys{args.keys[block] + offset, count, args.head_dim};
      const TileOfCache values{args.values[block] + offset, count,
                               args.head_dim};
      if (shared.count == kQueryGroup) {
        attend<V, Cache, kQueryGroup>(keys, values, queries + i, args.scale);
      } else {
        for (int j = 0; j < shared.count; ++j) {
          attend<V, Cache, 1>(keys, values, queries + i + j, args.scale);
        }
      }
    }
    i += shared.count;
  }
}

// Up to kMaxQueries queries, whose positions lie in [begin, end).
template <typename V, typename Cache>
void attend_all(const AttentionArgs& args, Query* queries, std::int64_t n,
                std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t d = 0; d < args.head_dim; ++d) queries[i].out[d] = 0;
  }
  std::int64_t position = begin;
  while (position < end) {
    const std::int64_t in_block = position % args.block_size;
    const std::int64_t block_start = position - in_block;
    std::int64_t next = block_start + (in_block / kTile + 1) * kTile;
    if (next > block_start + args.block_size) {
      next = block_start + args.block_size;
    }
    attend_tile<V, Cache>(args, queries, n, position, next);
    position = next;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const typename V::Floats total = V::broadcast(queries[i].total);
    for (std::int64_t d = 0; d < args.head_dim; d += V::kLanes) {
      float* out = queries[i].out + d;
      const std::int64_t left = args.head_dim - d;
      store_at_most<V>(out, V::divide(load_at_most<V>(out, left), total), left);
    }
  }
}

// Cuts rows and heads into passes of at most kMaxQueries.
template <typename V, typename Cache>
void attend_rows(const AttentionArgs& args) {
  Query queries[kMaxQueries];
  std::int64_t count = 0;
  const std::int64_t total = args.m * args.group;
  for (std::int64_t i = 0; i < total; ++i) {
    const std::int64_t row = i / args.group;
    const std::int64_t offset = i % args.group * args.head_dim;
    const std::int64_t end = args.first_position + row + 1;
    const std::int64_t begin =
        args.window > 0 && end > args.window ? end - args.window : 0;
    queries[count++] = {args.q + row * args.q_stride + offset,
                        args.out + row * args.out_stride + offset,
                        begin,
                        end,
                        -__builtin_huge_valf(),
                        0};
    if (count == kMaxQueries || i + 1 == total) {
      attend_all<V, Cache>(args, queries, count, queries[0].begin, end);
      count = 0;
    }
  }
}

template <typename V>
void attention(const AttentionArgs& args) {
  switch (args.dtype) {
    case DType::kF16:
      return attend_rows<V, PlainCache<V, F16Element<V>>>(args);
    case DType::kBF16:
      return attend_rows<V, PlainCache<V, Bf16Element<V>>>(args);
    case DType::kQ8_0:
      return attend_rows<V, Q8Cache<V>>(args);
    default:
      return attend_rows<V, PlainCache<V, F32Element<V>>>(args);
  }
}

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_ATTENTION_H_
