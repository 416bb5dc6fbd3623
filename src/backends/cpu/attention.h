#ifndef PILOTFISH_BACKENDS_CPU_ATTENTION_H_
#define PILOTFISH_BACKENDS_CPU_ATTENTION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/kv_storage.h"
#include "backends/cpu/segment.h"
#include "backends/cpu/shard.h"
#include "base/aligned_buffer.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "pilotfish/model.h"

namespace pilotfish {

// The attention of one layer, over the rows of a tile.
struct AttentionTask {
  std::span<const Segment> segments;
  const AttentionConfig& config;
  IndexRange heads;           // that are computed
  IndexRange kv_heads;        // that those look at
  CpuKvStorage::Layer cache;  // of these key/value heads alone
  const float* q;  // [rows, n_heads * head_dim], these heads' columns
  float* out;      // as q
};

// Shares the attention of a tile out among the threads of a team, and shows the
// kernels the cache as a table of blocks. What it is made with must outlive it.
class Attention {
 public:
  Attention(const Kernels& kernels, ThreadTeam& team);

  // Room for passes over sequences of up to so many slots, with so many rows of
  // a tree, in tiles of up to `rows` rows. `row_bytes`: of a head in the cache.
  // Throws std::bad_alloc.
  void reserve(std::int64_t slots, std::int64_t tree_rows, std::int64_t rows,
               std::int64_t row_bytes);

  void run(const AttentionTask& task);

 private:
  // What one thread needs to point a kernel at the cache.
  struct BlockTable {
    std::vector<const std::byte*> keys;
    std::vector<const std::byte*> values;
    // For paths through trees.
    std::vector<std::int64_t> path;
    AlignedBuffer<std::byte> copies;  // [blocks, 2, kBlockSize, head_dim]
  };

  void deal_heads(const AttentionTask& task);
  void attend(const AttentionTask& task, const Segment& rows, IndexRange heads,
              BlockTable& table);
  static void gather_path(const CpuKvStorage::Layer& cache, const Segment& rows,
                          std::int64_t kv_head, BlockTable& table);

  // The first item of a node's heads that no thread has taken. Alone on its
  // cache line: threads of other nodes rarely look.
  struct alignas(64) NextItem {
    std::atomic<std::int64_t> item;
  };

  const Kernels& kernels_;
  ThreadTeam& team_;
  // A call takes one of these rows and one of these heads.
  std::vector<Segment> parts_;     // of the task's segments
  std::vector<IndexRange> heads_;  // of the task's, of one key/value head each
  std::vector<IndexRange> heads_of_node_;  // which of heads_, by node
  std::vector<NextItem> next_;             // one a node
  std::vector<BlockTable> tables_;         // one a thread
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_ATTENTION_H_
