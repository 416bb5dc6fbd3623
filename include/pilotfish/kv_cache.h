#ifndef PILOTFISH_KV_CACHE_H_
#define PILOTFISH_KV_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "pilotfish/dtype.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

using SequenceId = std::int32_t;

struct KvCacheOptions {
  std::int64_t n_positions =
      0;  // the most a sequence holds; 0: the model's own
  std::int64_t max_sequences = 1;
  // f32, f16, bf16, or q8_0, which needs a head size that is a multiple of 32.
  DType dtype = DType::kF16;
  // Of the pool, each of kBlockSize positions, and enough for one full sequence
  // at least; 0: enough for max_sequences full ones.
  std::int64_t blocks = 0;
};

// How a sequence is to grow.
struct KvGrowth {
  SequenceId sequence;
  std::int64_t rows;
  // [rows] of rows of the sequence's tree; empty: of its line.
  std::span<const std::int32_t> parents = {};
};

// The keys and values of many sequences, in a pool of fixed-size blocks that is
// allocated once, by the backend of the model that fills it. Forked sequences
// share the blocks of their common prefix; a shared block is copied when one of
// them writes to it. Ids that are not in use throw UsageError, changing
// nothing. Not thread-safe.
class KvCache {
 public:
  static constexpr std::int64_t kBlockSize = 32;  // positions

  // Model::make_cache makes them.
  ~KvCache();
  KvCache(KvCache&&) noexcept;
  KvCache& operator=(KvCache&&) noexcept;

  // Whether it can keep keys and values in this type: f32, f16, bf16, q8_0.
  static bool stores(DType dtype);

  // Bytes that the keys and values of such a cache take, without making one.
  // Throws UsageError for options out of range.
  static std::int64_t bytes_needed(const ModelConfig& config,
                                   const KvCacheOptions& options);

  // An empty sequence. Throws Error when max_sequences that were created so are
  // in use; forks do not count.
  SequenceId create();
  // A sequence that starts with the first `length` positions of `parent`, which
  // must have them. Takes no memory of the pool: every block is shared.
  SequenceId fork(SequenceId parent, std::int64_t length);
  void release(SequenceId sequence);

  std::int64_t length(SequenceId sequence) const;
  std::int64_t n_positions() const;
  // Positions that `append`, or rows that `append_tree`, can add now.
  std::int64_t room(SequenceId sequence) const;

  // Whether the pool has the blocks for all of these, which are of different
  // sequences.
  bool has_blocks(std::span<const KvGrowth> growths) const;

  // Adds `rows` positions, not yet written. Throws Error, changing nothing,
  // when the sequence would pass n_positions or the pool is out of blocks.
  // Throws UsageError for a sequence with a tree.
  void append(SequenceId sequence, std::int64_t rows);
  // Forgets the positions from `length` on, and the tree. Returns the length
  // reached, `length`: caches of recurrent states, which go back to their last
  // snapshot, may return less, and what is missing must be encoded again.
  // Throws UsageError for more than length(sequence).
  std::int64_t truncate(SequenceId sequence, std::int64_t length);

  // A draft that is a tree: rows that branch off behind the last position, not
  // yet written. They take room as positions do, but length() does not count
  // them. Row i of the tree, counted from its first append, follows the tree's
  // row parents[i], or, where that is -1, the last position. Throws as `append`
  // does, and UsageError for a parent that is not an earlier row.
  void append_tree(SequenceId sequence, std::span<const std::int32_t> parents);
  std::int64_t tree_rows(SequenceId sequence) const;
  // Makes these rows of the tree the next positions and forgets its others.
  // Throws UsageError unless each follows the one before, the first the last
  // position; Error when a block that a fork shares would have to be copied and
  // none is free. Both change nothing.
  void keep(SequenceId sequence, std::span<const std::int32_t> path);

  DType dtype() const;
  std::int64_t bytes() const;  // of the pool
  std::int64_t blocks_in_use() const;
  std::int64_t blocks() const;

 private:
  friend class KvCacheAccess;  // model/kv_cache_access.h: for backends
  struct Impl;
  explicit KvCache(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_KV_CACHE_H_
