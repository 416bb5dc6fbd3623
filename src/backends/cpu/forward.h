#ifndef PILOTFISH_BACKENDS_CPU_FORWARD_H_
#define PILOTFISH_BACKENDS_CPU_FORWARD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/cpu/attention.h"
#include "backends/cpu/exchange.h"
#include "backends/cpu/gather_queue.h"
#include "backends/cpu/kv_storage.h"
#include "backends/cpu/pass.h"
#include "backends/cpu/segment.h"
#include "backends/cpu/shard.h"
#include "backends/cpu/tile.h"
#include "backends/cpu/weights.h"
#include "base/aligned_buffer.h"
#include "base/function_ref.h"
#include "base/thread_team.h"
#include "kernels/kernels.h"
#include "kernels/linear.h"
#include "model/forward_pass.h"
#include "model/kv_cache_access.h"
#include "model/rope.h"
#include "pilotfish/model.h"

namespace pilotfish {

// The forward pass on the processor, made of kernels: in scratch memory of its
// own that grows to the largest pass and is used again. Of several ranks that
// share a model each has one, with its shard of the weights and of the cache,
// and they meet in an exchange.
class CpuForward final : public ForwardPass {
 public:
  // A large batch is computed in tiles of rows, so that the scratch stays
  // small. Every row goes through all layers before the next tile starts. Where
  // a pass overlaps gathers, two halves of so many rows take turns instead, if
  // each has some.
  static constexpr std::int64_t kTileRows = 512;
  static constexpr std::int64_t kFewestHalfRows = 64;

  CpuForward(std::shared_ptr<const Checkpoint> checkpoint,
             const ModelConfig& config, const LoadOptions& options);
  // `exchange` must outlive this object.
  CpuForward(std::shared_ptr<const Checkpoint> checkpoint,
             const ModelConfig& config, const LoadOptions& options,
             const Shard& shard, Exchange& exchange);
  // With kernels of the caller's, which must outlive it.
  CpuForward(std::shared_ptr<const Checkpoint> checkpoint,
             const ModelConfig& config, const LoadOptions& options,
             const Kernels& kernels);

  // Its line in the table of backends.
  static std::unique_ptr<ForwardPass> load(
      std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config,
      const LoadOptions& options);
  static std::int64_t scratch_bytes(const ModelConfig& config,
                                    std::int64_t logits_rows);

  std::int64_t weight_bytes() const override { return weights_.bytes(); }
  std::int64_t resident_bytes() const override {
    return weights_.resident_bytes();
  }
  std::int64_t matrices_kept_in_bf16() const override {
    return weights_.matrices_kept_in_bf16();
  }
  std::string_view instruction_set() const override { return kernels_.name; }
  std::vector<RankShare> ranks() const override;
  const Shard& shard() const { return shard_; }
  const ThreadTeam& team() const { return *team_; }
  std::unique_ptr<KvStorage> make_storage(
      const KvLayout& layout) const override;
  ForwardOutput run(const Batch& batch, KvCache& cache,
                    std::int64_t layers) override;

  // The two halves of `run`. What can fail comes first: the checks, memory,
  // then the growth of the cache. The pass refers to the batch and to this
  // object, until its next one.
  Pass prepare(const Batch& batch, KvCache& cache, std::int64_t layers,
               bool overlaps_gathers = false);
  // Requires: room, which `prepare` has made, or `reserve` has. Of several
  // ranks the first alone gets the logits.
  ForwardOutput compute(const Pass& pass, const CpuKvStorage& storage);
  // Throws std::bad_alloc.
  void reserve(const Pass& pass, const CpuKvStorage& storage);

 private:
  CpuForward(std::shared_ptr<const Checkpoint> checkpoint,
             const ModelConfig& config, const LoadOptions& options,
             const Kernels& kernels, const Shard& shard, Exchange* exchange);

  // How much of everything a pass takes.
  struct PassSize {
    std::int64_t rows = 0;
    std::int64_t logits_rows = 0;
    std::int64_t hidden_rows = 0;  // of all layers
    std::int64_t entries = 0;
    std::int64_t slots = 0;      // of the longest sequence
    std::int64_t tree_rows = 0;  // of the largest tree
    bool overlaps_gathers = false;
  };

  void check(const Batch& batch, const KvCacheAccess& cache,
             std::int64_t layers);
  static PassSize size_of(const Batch& batch, const KvCache& cache);
  static PassSize size_of(const Pass& pass);
  void reserve(const PassSize& size, const CpuKvStorage& storage);
  void reserve(Tile& tile, std::int64_t rows, const PassSize& size);
  void append(const Batch& batch, KvCache& cache, KvCacheAccess& access);

  // Of so many rows, those of the first tile; another has the rest.
  static std::int64_t first_tile_rows(std::int64_t rows, bool overlaps_gathers);
  // Computes so many rows from `first_row` on, in one tile or two, and writes
  // their logits. Returns where those end.
  float* compute_rows(const Pass& pass, std::int64_t first_row,
                      std::int64_t rows, const CpuKvStorage& storage,
                      float* logits);
  void begin_tile(Tile& tile, const Pass& pass, std::int64_t first_row,
                  std::int64_t rows);
  void embed(Tile& tile, std::span<const Token> tokens);
  void find_angles(Tile& tile);
  void run_layers(std::span<Tile> tiles, std::int64_t layers,
                  const CpuKvStorage& storage);
  void take_hidden(Tile& tile, std::int64_t layer);
  void project_logits(Tile& tile, float* logits);

  // One layer at work.
  struct Layer {
    const LayerConfig& config;
    const LayerWeights& weights;
    const Shard::Layer& shard;
    CpuKvStorage::Layer cache;
    std::int64_t first_angle;  // of its rotation, in a row of angles
  };
  Layer layer_at(std::int64_t index, const CpuKvStorage& storage) const;

  // The steps of a layer, over the rows of a tile.
  void project_qkv(Tile& tile, const Layer& layer);
  void rotate_and_cache(Tile& tile, const Layer& layer);
  void attend(Tile& tile, const Layer& layer);
  void activate_ffn(Tile& tile, const Layer& layer, const DenseFfn& ffn);
  // The two halves of x += linear(in), before and after ranks have exchanged
  // `in`, [rows, linear.weights.columns], of which each has made some columns.
  void share_input(Tile& tile, const LinearWeights& linear, float* in,
                   const RankColumns& in_columns);
  void add_linear(Tile& tile, const LinearWeights& linear, const float* in,
                  const RankColumns& in_columns);
  bool is_shared_packed(const WeightMatrix& weights,
                        const RankColumns& in_columns) const;

  void prepare_head(const Tile& tile, const Layer& layer, float* head,
                    const float* norm, std::int64_t row);
  void project(Tile& tile, std::span<const LinearTask> tasks, const float* norm,
               double epsilon,
               FunctionRef<void(std::int64_t, std::int64_t)> after = {});

  // Calls function(row) for each row of a tile, on the team where that pays.
  template <typename Function>
  void for_each_row(const Tile& tile, const Function& function);

  const Kernels& kernels_;
  const std::shared_ptr<ThreadTeam> team_;
  const ModelConfig config_;
  const Shard shard_;
  const Weights weights_;
  const Ropes ropes_;
  const std::int64_t packed_row_bytes_;
  const std::vector<KvLayerShape> kv_shapes_;  // of the caches that suit

  std::vector<Segment> batch_segments_;  // of the pass that was prepared

  Attention attention_;
  GatherQueue gathers_;
  std::vector<Tile> tiles_;      // two, or for one rank one
  const bool is_crowded_;        // the team takes all processors
  const bool exchanges_packed_;  // sets of instructions pack in their own ways
  AlignedBuffer<float> logits_;  // [logits rows, logits_stride_]
  std::int64_t logits_stride_;   // vocab_size; on other ranks than the first,
                                 // their own part of it
  AlignedBuffer<float> hidden_;  // [layers asked for, hidden rows, hidden_size]
  std::vector<KvGrowth> growths_;
  std::vector<SequenceId> ids_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_FORWARD_H_
