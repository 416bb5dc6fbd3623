#ifndef PILOTFISH_KERNELS_CPU_SIMD_ATTENTION_H_
#define PILOTFISH_KERNELS_CPU_SIMD_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd/elementwise.h"
#include "kernels/cpu/simd/fetch.h"
#include "kernels/cpu/simd/math.h"
#include "kernels/cpu/simd/unpack.h"
#include "kernels/kernels.h"

// Soft-max attention for vectors V in one pass over the cache (Milakov and
// Gimelshein, arXiv:1805.02867; Dao et al., arXiv:2205.14135).
//
// A query is one head of one row. Positions are taken in tiles that start at
// multiples of kTile, whatever the blocks of the cache. For each tile a query's
// scores are computed, its largest score so far and its sum of weights are
// updated, and the weighted values are added to its output row. Keys and values
// of a tile are loaded once for a few queries at a time, and stay in the
// first-level cache for the others. A query's own steps depend on its positions
// alone, so the grouping never shows in the bits.
//
// All functions are templates of V, or of a cache made of it: nothing that was
// compiled for one instruction set may be linked into another.
namespace pilotfish::simd {

constexpr int kTile = 64;
constexpr int kMaxQueries = 64;  // in one pass over the cache
constexpr int kQueryGroup = 4;   // that share a load of keys or values

// Sums that are kept in registers: half of them, as many as a vector has lanes.
template <typename V>
constexpr int kSums = V::kLanes;

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

// Rows that will be read next, for the second-level cache; null: none.
struct Next {
  const std::byte* keys;
  const std::byte* values;
};

// `count` neighbouring rows, [count, head_dim].
struct CacheRows {
  const std::byte* keys;
  const std::byte* values;
  std::int64_t count;
  std::int64_t head_dim;
  Next next;
};

template <typename V>
void prefetch(const Next& next, std::int64_t offset, std::int64_t bytes) {
  if (next.keys == nullptr) return;
  for (std::int64_t i = offset; i < offset + bytes; i += 64) {
    fetch(next.keys + i);
    fetch(next.values + i);
  }
}

// P positions times Q queries, P Q = kSums; to scores[j kTile + p].
template <typename V, typename Cache, int P, int Q>
void score_positions(const std::byte* keys, std::int64_t head_dim,
                     const Query* queries, float scale, float* scores) {
  typename V::Floats sums[Q * P];
  for (auto& sum : sums) sum = V::zero();
  const std::int64_t row_bytes = Cache::row_bytes(head_dim);
  std::int64_t d = 0;
  for (; d + V::kLanes <= head_dim; d += V::kLanes) {
    typename V::Floats query[Q];
    for (int j = 0; j < Q; ++j) query[j] = V::load(queries[j].q + d);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const typename V::Floats key = Cache::load(keys + p * row_bytes, d);
#pragma GCC unroll 8
      for (int j = 0; j < Q; ++j) {
        sums[j * P + p] = V::fma(key, query[j], sums[j * P + p]);
      }
    }
  }
  if (d < head_dim) {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const typename V::Floats key =
          Cache::load(keys + p * row_bytes, d, head_dim - d);
#pragma GCC unroll 8
      for (int j = 0; j < Q; ++j) {
        sums[j * P + p] = V::fma(key, V::load(queries[j].q + d, head_dim - d),
                                 sums[j * P + p]);
      }
    }
  }
  alignas(64) float found[Q * P];
  V::store(found, V::multiply(V::sum_each(sums), V::broadcast(scale)));
  for (int j = 0; j < Q; ++j) {
    std::memcpy(scores + j * kTile, found + j * P, P * sizeof(float));
  }
}

// One position, to the same bits.
template <typename V, typename Cache>
float score_position(const std::byte* key, std::int64_t head_dim,
                     const Query& query, float scale) {
  typename V::Floats sum = V::zero();
  std::int64_t d = 0;
  for (; d + V::kLanes <= head_dim; d += V::kLanes) {
    sum = V::fma(Cache::load(key, d), V::load(query.q + d), sum);
  }
  if (d < head_dim) {
    const std::int64_t left = head_dim - d;
    sum = V::fma(Cache::load(key, d, left), V::load(query.q + d, left), sum);
  }
  return V::sum(sum) * scale;
}

template <typename V, typename Cache, int Q>
void score(const CacheRows& rows, const Query* queries, float scale,
           float* scores) {
  constexpr int P = kSums<V> / Q;
  const std::int64_t row_bytes = Cache::row_bytes(rows.head_dim);
  std::int64_t p = 0;
  for (; p + P <= rows.count; p += P) {
    prefetch<V>(rows.next, p * row_bytes, P * row_bytes);
    score_positions<V, Cache, P, Q>(rows.keys + p * row_bytes, rows.head_dim,
                                    queries, scale, scores + p);
  }
  for (; p < rows.count; ++p) {
    for (int j = 0; j < Q; ++j) {
      scores[j * kTile + p] = score_position<V, Cache>(
          rows.keys + p * row_bytes, rows.head_dim, queries[j], scale);
    }
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

// out[j] += weights[j kTile ..] · values, for D vectors of Q queries from
// element d on.
template <typename V, typename Cache, int Q, int D>
void gather_elements(const CacheRows& rows, const Query* queries,
                     const float* weights, std::int64_t d) {
  typename V::Floats sums[Q][D];
  for (int j = 0; j < Q; ++j) {
    for (int e = 0; e < D; ++e) {
      sums[j][e] = V::load(queries[j].out + d + e * V::kLanes);
    }
  }
  const std::int64_t row_bytes = Cache::row_bytes(rows.head_dim);
  const std::byte* row = rows.values;
  for (std::int64_t p = 0; p < rows.count; ++p) {
    typename V::Floats value[D];
#pragma GCC unroll 8
    for (int e = 0; e < D; ++e) {
      value[e] = Cache::load(row, d + e * V::kLanes);
    }
#pragma GCC unroll 8
    for (int j = 0; j < Q; ++j) {
      const typename V::Floats weight = V::broadcast(weights[j * kTile + p]);
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
void gather_last(const CacheRows& rows, const Query* queries,
                 const float* weights, std::int64_t d) {
  const std::int64_t left = rows.head_dim - d;
  for (int j = 0; j < Q; ++j) {
    typename V::Floats sum = V::load(queries[j].out + d, left);
    for (std::int64_t p = 0; p < rows.count; ++p) {
      const std::byte* row = rows.values + p * Cache::row_bytes(rows.head_dim);
      sum = V::fma(V::broadcast(weights[j * kTile + p]),
                   Cache::load(row, d, left), sum);
    }
    V::store(queries[j].out + d, sum, left);
  }
}

// Elements from d on: D vectors at a time, then half as many.
template <typename V, typename Cache, int Q, int D = kSums<V> / Q>
void gather(const CacheRows& rows, const Query* queries, const float* weights,
            std::int64_t d = 0) {
  for (; d + D * V::kLanes <= rows.head_dim; d += D * V::kLanes) {
    gather_elements<V, Cache, Q, D>(rows, queries, weights, d);
  }
  if (d == rows.head_dim) return;
  if constexpr (D > 1) {
    gather<V, Cache, Q, D / 2>(rows, queries, weights, d);
  } else {
    gather_last<V, Cache, Q>(rows, queries, weights, d);
  }
}

// out *= factor
template <typename V>
void shrink(float* out, std::int64_t n, float factor) {
  const typename V::Floats by = V::broadcast(factor);
  for (std::int64_t d = 0; d < n; d += V::kLanes) {
    const std::int64_t left = n - d;
    store_at_most<V>(out + d, V::multiply(load_at_most<V>(out + d, left), by),
                     left);
  }
}

// Positions [begin, end), of one tile, as they lie in the cache.
struct Tile {
  CacheRows pieces[kTile];
  int n;
  std::int64_t positions;
};

// A position's key and value, kTile positions on; null beyond the last.
template <typename Cache>
Next next_rows(const AttentionArgs& args, std::int64_t position,
               std::int64_t end) {
  position += kTile;
  if (position >= end) return {nullptr, nullptr};
  const std::int64_t block = position / args.block_size;
  const std::int64_t offset =
      position % args.block_size * Cache::row_bytes(args.head_dim);
  return {args.keys[block] + offset, args.values[block] + offset};
}

// `last` is the end of all positions that will be read.
template <typename Cache>
void cut_at_blocks(const AttentionArgs& args, std::int64_t begin,
                   std::int64_t end, std::int64_t last, Tile& tile) {
  tile.n = 0;
  tile.positions = end - begin;
  while (begin < end) {
    const std::int64_t block = begin / args.block_size;
    const std::int64_t first = begin % args.block_size;
    const std::int64_t left = args.block_size - first;
    const std::int64_t count = end - begin < left ? end - begin : left;
    const std::int64_t offset = first * Cache::row_bytes(args.head_dim);
    tile.pieces[tile.n++] = {args.keys[block] + offset,
                             args.values[block] + offset, count, args.head_dim,
                             next_rows<Cache>(args, begin, last)};
    begin += count;
  }
}

template <typename V>
void forget_next(Tile& tile) {
  for (int i = 0; i < tile.n; ++i) tile.pieces[i].next = {};
}

// One tile for Q queries.
template <typename V, typename Cache, int Q>
void attend(const Tile& tile, Query* queries, float scale) {
  alignas(64) float scores[Q * kTile];
  float* at = scores;
  for (int i = 0; i < tile.n; ++i) {
    score<V, Cache, Q>(tile.pieces[i], queries, scale, at);
    at += tile.pieces[i].count;
  }
  for (int j = 0; j < Q; ++j) {
    const float factor =
        weigh<V>(queries[j], scores + j * kTile, tile.positions);
    shrink<V>(queries[j].out, tile.pieces[0].head_dim, factor);
  }
  at = scores;
  for (int i = 0; i < tile.n; ++i) {
    gather<V, Cache, Q>(tile.pieces[i], queries, at);
    at += tile.pieces[i].count;
  }
}

// The positions of [first, last) that all of `count` queries attend to, where
// they are the same for all.
struct Shared {
  std::int64_t begin;
  std::int64_t end;
  int count;
};

// The longest run of queries that agree about this tile.
template <typename V>
Shared shared_positions(const Query* queries, std::int64_t n,
                        std::int64_t first, std::int64_t last) {
  Shared shared = {0, 0, 0};
  for (; shared.count < n; ++shared.count) {
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

// All queries against the positions [first, next) of one tile. Those up to
// `last` follow.
template <typename V, typename Cache>
void attend_tile(const AttentionArgs& args, Query* queries, std::int64_t n,
                 std::int64_t first, std::int64_t next, std::int64_t last) {
  Tile tile;
  for (std::int64_t i = 0; i < n;) {
    const Shared shared = shared_positions<V>(queries + i, n - i, first, next);
    const std::int64_t end = i + shared.count;
    if (shared.begin < shared.end) {
      // The first queries fetch the next tile for all.
      cut_at_blocks<Cache>(args, shared.begin, shared.end, i == 0 ? last : 0,
                           tile);
      for (; i + kQueryGroup <= end; i += kQueryGroup) {
        attend<V, Cache, kQueryGroup>(tile, queries + i, args.scale);
        forget_next<V>(tile);
      }
      for (; i < end; ++i) {
        attend<V, Cache, 1>(tile, queries + i, args.scale);
        forget_next<V>(tile);
      }
    }
    i = end;
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
    const std::int64_t next = (position / kTile + 1) * kTile;
    attend_tile<V, Cache>(args, queries, n, position, next, end);
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
