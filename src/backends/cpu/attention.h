#ifndef PILOTFISH_BACKENDS_CPU_ATTENTION_H_
#define PILOTFISH_BACKENDS_CPU_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/kv_storage.h"
#include "backends/cpu/segment.h"
#include "base/aligned_buffer.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "pilotfish/model.h"

namespace pilotfish {

// The attention of one layer, over the rows of a tile.
struct AttentionTask {
  std::span<const Segment> segments;
  const AttentionConfig& config;
  CpuKvStorage::Layer cache;
  const float* q;  // [rows, n_heads * head_dim]
  float* out;      // as q
};

// Shares the attention of a tile out among the threads of a team, and shows the
// kernels the cache as a table of blocks. What it is made with must outlive it.
class Attention {
 public:
  Attention(const Kernels& kernels, ThreadTeam& team);

  // Room for the passes of this batch, before it is appended to the cache, in
  // tiles of up to `rows` rows. `row_bytes`: of a head in the cache. Throws
  // std::bad_alloc.
  void reserve(const Batch& batch, const KvCache& cache, std::int64_t rows,
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

  void attend(const AttentionTask& task, const Segment& rows,
              std::int64_t first_head, std::int64_t heads, BlockTable& table);
  static void gather_path(const CpuKvStorage::Layer& cache, const Segment& rows,
                          std::int64_t kv_head, BlockTable& table);

  const Kernels& kernels_;
  ThreadTeam& team_;
  std::vector<Segment> parts_;      // of the task's segments: one a call
  std::vector<BlockTable> tables_;  // one a thread
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_ATTENTION_H_
