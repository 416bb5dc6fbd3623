#ifndef PILOTFISH_MODEL_FORWARD_H_
#define PILOTFISH_MODEL_FORWARD_H_

#include <span>
#include <vector>

#include "backends/cpu/tree_slots.h"
#include "backends/cpu/weights.h"
#include "base/aligned_buffer.h"
#include "base/function_ref.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "kernels/linear.h"
#include "model/kv_cache_access.h"
#include "model/rope.h"
#include "pilotfish/model.h"

namespace pilotfish {

// Computes one model's forward passes, in scratch memory of its own that grows
// to the largest pass and is used again. What it is made with must outlive it.
class Forward {
 public:
  Forward(const ModelConfig& config, const Weights& weights, Rope rope,
          const Kernels& kernels, ThreadTeam& team);

  // Model::forward, which see. `layers`: the first ones, at least one.
  Logits run(const Batch& batch, KvCache& cache, std::int64_t layers);

  // About what the scratch takes after a long prompt, with so many rows of
  // logits asked for at once.
  static std::int64_t scratch_bytes(const ModelConfig& config,
                                    std::int64_t logits_rows);

 private:
  // A large batch is computed in tiles of rows, so that the scratch stays
  // small. Every row goes through all layers before the next tile starts.
  static constexpr std::int64_t kTileRows = 512;

  // Rows of one sequence that lie next to each other in a tile.
  struct Segment {
    std::span<const KvCacheAccess::BlockIndex> blocks;
    std::int64_t first_row;  // in the tile
    std::int64_t rows;
    std::int64_t first_slot;   // in the cache; outside a tree, its position
    std::int64_t logits_rows;  // the last ones of `rows`
    TreeSlots tree;            // none: the rows are positions
  };
  // Where one row of the tile goes.
  struct RowPlace {
    std::int64_t position;
    std::int64_t row_in_block;
    KvCacheAccess::BlockIndex block;
  };
  // What one thread needs to point a kernel at the cache.
  struct BlockTable {
    std::vector<const std::byte*> keys;
    std::vector<const std::byte*> values;
    // For paths through trees.
    std::vector<std::int64_t> path;
    AlignedBuffer<std::byte> copies;  // [blocks, 2, kBlockSize, head_dim]
  };

  // Rows [begin, end) of a segment.
  static Segment part(const Segment& segment, std::int64_t begin,
                      std::int64_t end);

  // What can fail comes first: these, then the cache grows, then nothing.
  void check(const Batch& batch, const KvCacheAccess& cache);
  void reserve(const Batch& batch, const KvCache& cache,
               const KvCacheAccess& access);
  void reserve_tables(const Batch& batch, const KvCache& cache,
                      const KvCacheAccess& access);
  void append(const Batch& batch, KvCache& cache, KvCacheAccess& access);

  void begin_tile(std::int64_t first_row, std::int64_t rows);
  void embed(std::span<const Token> tokens);
  void find_angles();
  void layer(std::int64_t index, bool is_last, const KvCacheAccess& cache);
  void project_logits(float* logits);

  // The steps of a layer, over the rows of the tile.
  void project_qkv(const LayerWeights& weights);
  void rotate_and_cache(const LayerWeights& weights, std::int64_t layer,
                        const KvCacheAccess& cache);
  void keep_logits_rows();
  void attend(std::int64_t layer, const KvCacheAccess& cache);
  void attend_tile(const Segment& rows, std::int64_t first_head,
                   std::int64_t heads, std::int64_t layer,
                   const KvCacheAccess& cache, BlockTable& table);
  static std::int64_t attention_rows(const Segment& segment,
                                     std::int64_t begin);
  static void gather_path(const Segment& rows, std::int64_t layer,
                          std::int64_t kv_head, const KvCacheAccess& cache,
                          BlockTable& table);
  void feed_forward(const LayerWeights& weights);

  void prepare_head(float* head, const float* norm, std::int64_t row);
  void project(std::span<const LinearTask> tasks, const float* norm,
               FunctionRef<void(std::int64_t, std::int64_t)> after = {});
  void add_linear(const LinearWeights& linear, const float* in);

  // Calls function(row) for each row of the tile, on the team where that pays.
  template <typename Function>
  void for_each_row(const Function& function);

  const ModelConfig& config_;
  const Weights& weights_;
  const Rope rope_;
  const Kernels& kernels_;
  ThreadTeam& team_;
  const std::int64_t q_size_;   // n_heads * head_dim
  const std::int64_t kv_size_;  // n_kv_heads * head_dim

  std::vector<Segment> batch_segments_;  // one an entry; rows of the batch

  // The tile at hand.
  std::int64_t rows_ = 0;
  std::vector<Segment> segments_;         // parts of batch_segments_
  std::vector<Segment> attention_tiles_;  // parts of segments_
  std::vector<RowPlace> places_;          // [rows_]

  // Scratch, as [rows, ...].
  AlignedBuffer<float> x_;           // hidden_size: the residual stream
  AlignedBuffer<float> normed_;      // hidden_size
  AlignedBuffer<float> q_;           // q_size_
  AlignedBuffer<float> k_;           // kv_size_
  AlignedBuffer<float> v_;           // kv_size_
  AlignedBuffer<float> attended_;    // q_size_
  AlignedBuffer<float> gate_;        // intermediate_size
  AlignedBuffer<float> up_;          // intermediate_size
  AlignedBuffer<float> projected_;   // hidden_size
  AlignedBuffer<float> cosines_;     // rotary_dim / 2
  AlignedBuffer<float> sines_;       // rotary_dim / 2
  AlignedBuffer<float> logits_;      // vocab_size
  AlignedBuffer<std::byte> packed_;  // input of a linear layer, as kernels want
  std::vector<BlockTable> tables_;   // one a thread
  std::vector<KvCacheAccess::Growth> growths_;
  std::vector<SequenceId> ids_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_FORWARD_H_
