#ifndef PILOTFISH_MODEL_KV_CACHE_ACCESS_H_
#define PILOTFISH_MODEL_KV_CACHE_ACCESS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "pilotfish/kv_cache.h"

namespace pilotfish {

// How the forward pass sees the pool. A block holds kBlockSize positions of
// every layer: [n_layers, 2 (keys, values), n_kv_heads, kBlockSize, head_dim].
class KvCacheAccess {
 public:
  using BlockIndex = std::int32_t;

  explicit KvCacheAccess(KvCache& cache);

  // Whether the cache was made for a model of this shape.
  bool suits(const ModelConfig& config) const;

  struct Growth {
    SequenceId sequence;
    std::int64_t rows;
    // [rows] of rows of the sequence's tree; empty: of its line.
    std::span<const std::int32_t> parents = {};
  };
  // Appends to several different sequences at once, or, throwing Error, to
  // none.
  void append(std::span<const Growth> growths);

  // The blocks of a sequence. Slot i of a sequence lies in row i % kBlockSize
  // of its block i / kBlockSize: the positions first, then the rows of its
  // tree. Valid until the cache is next changed, as is the next.
  std::span<const BlockIndex> blocks(SequenceId sequence) const;
  // The parents of the rows of its tree.
  std::span<const std::int32_t> tree(SequenceId sequence) const;

  // [kBlockSize, head_dim] of one key/value head.
  std::byte* keys(BlockIndex block, std::int64_t layer,
                  std::int64_t head) const {
    return pool_ + block * block_bytes_ + (2 * layer) * layer_half_bytes_ +
           head * head_bytes_;
  }
  std::byte* values(BlockIndex block, std::int64_t layer,
                    std::int64_t head) const {
    return pool_ + block * block_bytes_ + (2 * layer + 1) * layer_half_bytes_ +
           head * head_bytes_;
  }
  // From one position to the next within those.
  std::int64_t row_bytes() const { return row_bytes_; }
  DType dtype() const { return dtype_; }

 private:
  KvCache::Impl& impl_;
  std::byte* pool_;
  std::int64_t block_bytes_;
  std::int64_t layer_half_bytes_;  // the keys, or the values, of one layer
  std::int64_t head_bytes_;
  std::int64_t row_bytes_;
  DType dtype_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_KV_CACHE_ACCESS_H_
