// What a pass does to the rows of a tile, step by step.

#include <algorithm>
#include <utility>

#include "backends/cpu/forward.h"
#include "kernels/packed_layout.h"

namespace pilotfish {
namespace {

// Fewer rows than this are not worth waking the team for.
constexpr std::int64_t kParallelRows = 4;

// Writes its columns of `out`, [rows, stride].
LinearTask task_of(const LinearWeights& linear, float* out,
                   std::int64_t stride) {
  return {linear.weights, out + linear.first_row, stride, linear.bias};
}

// Whether ranks can pack these columns of a product's input, each its own.
bool can_share_input(const WeightMatrix& weights, const RankColumns& columns) {
  return weights.packed &&
         std::ranges::all_of(columns, [](std::int64_t column) {
           return column % kPackedColumns == 0;
         });
}

}  // namespace

template <typename Function>
void CpuForward::for_each_row(const Tile& tile, const Function& function) {
  if (tile.rows < kParallelRows) {
    for (std::int64_t row = 0; row < tile.rows; ++row) function(row);
    return;
  }
  team_->parallel_for(tile.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) function(row);
  });
}

void CpuForward::embed(Tile& tile, std::span<const Token> tokens) {
  for_each_row(tile, [&](std::int64_t row) {
    weights_.embed(kernels_, tokens[static_cast<size_t>(row)],
                   tile.scratch.x.data() + row * config_.hidden_size);
  });
}

void CpuForward::find_angles(Tile& tile) {
  const std::int64_t width = ropes_.width();
  for_each_row(tile, [&](std::int64_t row) {
    ropes_.angles(tile.places[static_cast<size_t>(row)].position,
                  tile.scratch.cosines.data() + row * width,
                  tile.scratch.sines.data() + row * width);
  });
}

// linear_many over the rows of x, normalised.
void CpuForward::project(Tile& tile, std::span<const LinearTask> tasks,
                         const float* norm, double epsilon,
                         FunctionRef<void(std::int64_t, std::int64_t)> after) {
  const std::int64_t size = config_.hidden_size;
  const auto normalise = [&](std::int64_t row) {
    kernels_.rms_norm(tile.scratch.x.data() + row * size, norm,
                      static_cast<float>(epsilon),
                      tile.scratch.normed.data() + row * size, size);
  };
  linear_many(kernels_, *team_, tasks, tile.scratch.normed.data(), size,
              tile.rows, tile.scratch.packed,
              {.before = normalise, .after = after});
}

void CpuForward::project_qkv(Tile& tile, const Layer& layer) {
  const LayerWeights& weights = layer.weights;
  const std::int64_t q_size = layer.config.attention.q_size();
  const std::int64_t kv_size = layer.config.attention.kv_size();
  const LinearTask tasks[] = {
      task_of(weights.query, tile.scratch.q.data(), q_size),
      task_of(weights.key, tile.scratch.k.data(), kv_size),
      task_of(weights.value, tile.scratch.v.data(), kv_size)};
  project(tile, tasks, weights.attention_norm, layer.config.rms_epsilon);
}

// Normalises a query or key head where the model does, and turns it.
void CpuForward::prepare_head(const Tile& tile, const Layer& layer, float* head,
                              const float* norm, std::int64_t row) {
  const AttentionConfig& attention = layer.config.attention;
  if (norm != nullptr) {
    kernels_.rms_norm(head, norm, static_cast<float>(layer.config.rms_epsilon),
                      head, attention.head_dim);
  }
  const std::int64_t at = row * ropes_.width() + layer.first_angle;
  kernels_.rope(head, tile.scratch.cosines.data() + at,
                tile.scratch.sines.data() + at, attention.rope.rotary_dim,
                attention.rope.interleaved);
}

void CpuForward::rotate_and_cache(Tile& tile, const Layer& layer) {
  const AttentionConfig& attention = layer.config.attention;
  const CpuKvStorage::Layer& cache = layer.cache;
  const std::int64_t head_dim = attention.head_dim;
  const IndexRange heads = layer.shard.heads;
  const IndexRange kv_heads = layer.shard.kv_heads;
  for_each_row(tile, [&](std::int64_t row) {
    float* const queries = tile.scratch.q.data() + row * attention.q_size();
    for (std::int64_t head = heads.begin; head < heads.end; ++head) {
      prepare_head(tile, layer, queries + head * head_dim,
                   layer.weights.query_norm, row);
    }
    float* const keys = tile.scratch.k.data() + row * attention.kv_size();
    const float* const values =
        tile.scratch.v.data() + row * attention.kv_size();
    const KvSlot slot = tile.places[static_cast<size_t>(row)].slot;
    const std::int64_t offset = slot.row * cache.row_bytes();
    for (std::int64_t head = kv_heads.begin; head < kv_heads.end; ++head) {
      const std::int64_t cached = head - kv_heads.begin;
      float* const key = keys + head * head_dim;
      prepare_head(tile, layer, key, layer.weights.key_norm, row);
      kernels_.store(cache.dtype(), key,
                     cache.keys(slot.block, cached) + offset, head_dim);
      kernels_.store(cache.dtype(), values + head * head_dim,
                     cache.values(slot.block, cached) + offset, head_dim);
    }
  });
}

// Copies the rows that are wanted of what this layer leaves: 0 is the
// embedding.
void CpuForward::take_hidden(Tile& tile, std::int64_t layer) {
  const auto place = std::ranges::find(tile.wanted_hidden.layers, layer);
  if (place == tile.wanted_hidden.layers.end()) return;
  const std::int64_t index = place - tile.wanted_hidden.layers.begin();
  const std::int64_t size = config_.hidden_size;
  float* out =
      hidden_.data() +
      (index * tile.wanted_hidden.rows + tile.wanted_hidden.done) * size;
  for (const Segment& segment : tile.segments) {
    const Segment wanted = segment.last(segment.hidden_rows);
    out = std::copy_n(tile.scratch.x.data() + wanted.first_row * size,
                      wanted.rows * size, out);
  }
}

void CpuForward::attend(Tile& tile, const Layer& layer) {
  attention_.run({.segments = tile.segments,
                  .config = layer.config.attention,
                  .heads = layer.shard.heads,
                  .kv_heads = layer.shard.kv_heads,
                  .cache = layer.cache,
                  .q = tile.scratch.q.data(),
                  .out = tile.scratch.attended.data()});
}

bool CpuForward::is_shared_packed(const WeightMatrix& weights,
                                  const RankColumns& in_columns) const {
  return exchanges_packed_ && can_share_input(weights, in_columns);
}

void CpuForward::share_input(Tile& tile, const LinearWeights& linear, float* in,
                             const RankColumns& in_columns) {
  if (!is_shared_packed(linear.weights, in_columns)) {
    tile.ranks.start_all_gather(in, tile.rows, in_columns);
    return;
  }
  if (tile.rows == 0) return;
  const LinearTask task =
      task_of(linear, tile.scratch.projected.data(), config_.hidden_size);
  const PackedColumns packed =
      pack_columns(kernels_, *team_, task, in, linear.weights.columns,
                   tile.rows, shard_.mine(in_columns), tile.scratch.packed);
  tile.ranks.start_all_gather_packed(packed.data, packed.bytes_per_block,
                                     in_columns);
}

void CpuForward::add_linear(Tile& tile, const LinearWeights& linear,
                            const float* in, const RankColumns& in_columns) {
  const std::int64_t size = config_.hidden_size;
  float* const projected = tile.scratch.projected.data();
  float* const x = tile.scratch.x.data();
  const LinearTask task = task_of(linear, projected, size);
  const auto add = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = 0; row < tile.rows; ++row) {
      const std::int64_t at = row * size + linear.first_row + begin;
      kernels_.add(projected + at, x + at, end - begin);
    }
  };
  tile.ranks.finish();
  if (is_shared_packed(linear.weights, in_columns)) {
    multiply_packed(kernels_, *team_, task, tile.rows, tile.scratch.packed,
                    add);
  } else {
    linear_many(kernels_, *team_, {&task, 1}, in, linear.weights.columns,
                tile.rows, tile.scratch.packed, {.before = {}, .after = add});
  }
  tile.ranks.start_all_gather(x, tile.rows, shard_.hidden());
}

void CpuForward::activate_ffn(Tile& tile, const Layer& layer,
                              const DenseFfn& ffn) {
  const LayerWeights& weights = layer.weights;
  const std::int64_t size = ffn.intermediate_size;
  float* const gates = tile.scratch.gate.data();
  float* const ups = tile.scratch.up.data();
  const LinearTask tasks[] = {task_of(weights.gate, gates, size),
                              task_of(weights.up, ups, size)};
  const auto activate = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = 0; row < tile.rows; ++row) {
      const std::int64_t at = row * size + weights.gate.first_row + begin;
      kernels_.silu_multiply(gates + at, ups + at, gates + at, end - begin);
    }
  };
  project(tile, tasks, weights.ffn_norm, layer.config.rms_epsilon, activate);
}

// [tile.rows, logits_stride_], of the rows that keep_last_rows has left.
void CpuForward::project_logits(Tile& tile, float* logits) {
  const LinearTask task{.weights = weights_.output(),
                        .out = logits,
                        .out_stride = logits_stride_};
  project(tile, {&task, 1}, weights_.output_norm(), config_.rms_epsilon);
  tile.ranks.start_gather(logits, tile.rows, shard_.vocab());
}

}  // namespace pilotfish
