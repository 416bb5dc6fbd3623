#include "backends/cpu/forward.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <new>
#include <utility>

#include "kernels/linear.h"
#include "kernels/packed_matrix.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Rows that one call of the attention kernel takes: few enough for many calls
// to share among threads, enough to use each key and value again.
constexpr std::int64_t kAttentionRows = 16;

// Fewer rows than this are not worth waking the team for.
constexpr std::int64_t kParallelRows = 4;

}  // namespace

Forward::Forward(const ModelConfig& config, const Weights& weights, Rope rope,
                 const Kernels& kernels, ThreadTeam& team)
    : config_(config),
      weights_(weights),
      rope_(std::move(rope)),
      kernels_(kernels),
      team_(team),
      q_size_(config.n_heads * config.head_dim),
      kv_size_(config.n_kv_heads * config.head_dim),
      tables_(static_cast<size_t>(team.size())) {}

Logits Forward::run(const Batch& batch, KvCache& cache, std::int64_t layers) {
  KvCacheAccess access(cache);
  check(batch, access);
  reserve(batch, cache, access);
  append(batch, cache, access);

  float* logits = logits_.data();
  for (std::int64_t first = 0; first < batch.rows(); first += kTileRows) {
    const std::int64_t rows = std::min(kTileRows, batch.rows() - first);
    begin_tile(first, rows);
    embed(batch.tokens().subspan(static_cast<size_t>(first),
                                 static_cast<size_t>(rows)));
    find_angles();
    for (std::int64_t i = 0; i < layers; ++i) layer(i, i + 1 == layers, access);
    project_logits(logits);
    logits += rows_ * config_.vocab_size;
  }
  return Logits(logits_.data(), batch.logits_rows(), config_.vocab_size);
}

void Forward::layer(std::int64_t index, bool is_last,
                    const KvCacheAccess& cache) {
  const LayerWeights& weights = weights_.layers()[static_cast<size_t>(index)];
  project_qkv(weights);
  rotate_and_cache(weights, index, cache);
  // From here on the last layer serves nothing but the logits.
  if (is_last) keep_logits_rows();
  attend(index, cache);
  add_linear(weights.attention_output, attended_.data());
  feed_forward(weights);
}

void Forward::check(const Batch& batch, const KvCacheAccess& cache) {
  if (!cache.suits(config_)) {
    throw UsageError("forward: the KV cache was made for another model");
  }
  ids_.clear();
  for (const Batch::Entry& entry : batch.entries()) {
    ids_.push_back(entry.sequence);
  }
  std::sort(ids_.begin(), ids_.end());
  const auto twice = std::adjacent_find(ids_.begin(), ids_.end());
  if (twice != ids_.end()) {
    throw UsageError(
        fmt::format("forward: sequence {} is twice in the batch", *twice));
  }
  for (const Token token : batch.tokens()) {
    if (token < 0 || token >= config_.vocab_size) {
      throw Error(fmt::format("forward: token {}: expected 0 to {}", token,
                              config_.vocab_size - 1));
    }
  }
}

void Forward::reserve(const Batch& batch, const KvCache& cache,
                      const KvCacheAccess& access) {
  const std::int64_t rows = std::min(kTileRows, batch.rows());
  const auto floats = [&](AlignedBuffer<float>& buffer, std::int64_t n,
                          std::int64_t columns) {
    buffer.reserve(static_cast<size_t>(n * columns));
  };
  const auto packed_bytes = [&](const WeightMatrix& weights) {
    return activation_bytes(kernels_, weights);
  };
  // A call packs its input once for each dtype: for three layers at most.
  std::int64_t packed = packed_bytes(weights_.output());
  for (const LayerWeights& layer : weights_.layers()) {
    packed = std::max(
        {packed,
         packed_bytes(layer.query.weights) + packed_bytes(layer.key.weights) +
             packed_bytes(layer.value.weights),
         packed_bytes(layer.attention_output.weights),
         packed_bytes(layer.gate.weights) + packed_bytes(layer.up.weights),
         packed_bytes(layer.down.weights)});
  }
  try {
    floats(x_, rows, config_.hidden_size);
    floats(normed_, rows, config_.hidden_size);
    floats(projected_, rows, config_.hidden_size);
    floats(q_, rows, q_size_);
    floats(attended_, rows, q_size_);
    floats(k_, rows, kv_size_);
    floats(v_, rows, kv_size_);
    floats(gate_, rows, config_.intermediate_size);
    floats(up_, rows, config_.intermediate_size);
    floats(cosines_, rows, config_.rotary_dim / 2);
    floats(sines_, rows, config_.rotary_dim / 2);
    floats(logits_, batch.logits_rows(), config_.vocab_size);
    packed_.reserve(static_cast<size_t>(rows * packed + 3 * 64));
    segments_.reserve(batch.entries().size());
    places_.reserve(static_cast<size_t>(rows));
    attention_tiles_.reserve(static_cast<size_t>(rows));
    reserve_tables(batch, cache, access);
  } catch (const std::bad_alloc&) {
    throw Error(fmt::format(
        "forward: not enough memory for {} rows with {} rows of logits; bring "
        "fewer at once",
        batch.rows(), batch.logits_rows()));
  }
}

void Forward::reserve_tables(const Batch& batch, const KvCache& cache,
                             const KvCacheAccess& access) {
  std::int64_t slots = 0;      // of the longest sequence
  std::int64_t tree_rows = 0;  // of the largest tree
  for (const Batch::Entry& entry : batch.entries()) {
    const std::int64_t tree =
        cache.tree_rows(entry.sequence) + (entry.is_tree ? entry.rows : 0);
    const std::int64_t line = entry.is_tree ? 0 : entry.rows;
    slots = std::max(slots, cache.length(entry.sequence) + line + tree);
    tree_rows = std::max(tree_rows, tree);
  }
  const auto blocks = static_cast<size_t>(slots / KvCache::kBlockSize + 1);
  const std::int64_t copies =
      tree_rows > 0 ? tree_rows / KvCache::kBlockSize + 2 : 0;
  for (BlockTable& table : tables_) {
    if (table.keys.size() < blocks) table.keys.resize(2 * blocks);
    if (table.values.size() < blocks) table.values.resize(2 * blocks);
    table.path.reserve(static_cast<size_t>(tree_rows));
    table.copies.reserve(static_cast<size_t>(copies * 2 * KvCache::kBlockSize *
                                             access.row_bytes()));
  }
}

void Forward::append(const Batch& batch, KvCache& cache,
                     KvCacheAccess& access) {
  growths_.clear();
  for (const Batch::Entry& entry : batch.entries()) {
    growths_.push_back({entry.sequence, entry.rows, batch.parents(entry)});
  }
  batch_segments_.clear();
  batch_segments_.reserve(growths_.size());
  access.append(growths_);
  for (const Batch::Entry& entry : batch.entries()) {
    const std::int64_t length = cache.length(entry.sequence);
    const TreeSlots tree = {length, access.tree(entry.sequence)};
    batch_segments_.push_back(
        {.blocks = access.blocks(entry.sequence),
         .first_row = entry.first_row,
         .rows = entry.rows,
         .first_slot = length + cache.tree_rows(entry.sequence) - entry.rows,
         .logits_rows = entry.logits_rows,
         .tree = tree});
  }
}

std::int64_t Forward::scratch_bytes(const ModelConfig& config,
                                    std::int64_t logits_rows) {
  const std::int64_t q_size = config.n_heads * config.head_dim;
  const std::int64_t kv_size = config.n_kv_heads * config.head_dim;
  const std::int64_t packed =
      std::max({3 * config.hidden_size, config.intermediate_size, q_size});
  const std::int64_t floats_a_row = 3 * config.hidden_size + 2 * q_size +
                                    2 * kv_size + 2 * config.intermediate_size +
                                    config.rotary_dim + packed;
  const std::int64_t floats =
      kTileRows * floats_a_row + logits_rows * config.vocab_size;
  return floats * static_cast<std::int64_t>(sizeof(float));
}

Forward::Segment Forward::part(const Segment& segment, std::int64_t begin,
                               std::int64_t end) {
  const std::int64_t first_logits = segment.rows - segment.logits_rows;
  return {.blocks = segment.blocks,
          .first_row = segment.first_row + begin,
          .rows = end - begin,
          .first_slot = segment.first_slot + begin,
          .logits_rows =
              std::max<std::int64_t>(0, end - std::max(begin, first_logits)),
          .tree = segment.tree};
}

void Forward::begin_tile(std::int64_t first_row, std::int64_t rows) {
  rows_ = rows;
  segments_.clear();
  places_.clear();
  for (const Segment& segment : batch_segments_) {
    const std::int64_t begin =
        std::max<std::int64_t>(0, first_row - segment.first_row);
    const std::int64_t end =
        std::min(segment.rows, first_row + rows - segment.first_row);
    if (begin >= end) continue;
    segments_.push_back(part(segment, begin, end));
    segments_.back().first_row -= first_row;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t slot = segment.first_slot + i;
      const auto block = static_cast<size_t>(slot / KvCache::kBlockSize);
      places_.push_back({segment.tree.position(slot),
                         slot % KvCache::kBlockSize, segment.blocks[block]});
    }
  }
}

template <typename Function>
void Forward::for_each_row(const Function& function) {
  if (rows_ < kParallelRows) {
    for (std::int64_t row = 0; row < rows_; ++row) function(row);
    return;
  }
  team_.parallel_for(rows_, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) function(row);
  });
}

void Forward::embed(std::span<const Token> tokens) {
  for_each_row([&](std::int64_t row) {
    dequantise_weights(kernels_, weights_.embedding(),
                       tokens[static_cast<size_t>(row)],
                       x_.data() + row * config_.hidden_size);
  });
}

void Forward::find_angles() {
  const std::int64_t half = config_.rotary_dim / 2;
  for_each_row([&](std::int64_t row) {
    rope_.angles(places_[static_cast<size_t>(row)].position,
                 cosines_.data() + row * half, sines_.data() + row * half);
  });
}

// linear_many over the rows of x_, normalised.
void Forward::project(std::span<const LinearTask> tasks, const float* norm,
                      FunctionRef<void(std::int64_t, std::int64_t)> after) {
  const std::int64_t size = config_.hidden_size;
  const auto normalise = [&](std::int64_t row) {
    kernels_.rms_norm(x_.data() + row * size, norm,
                      static_cast<float>(config_.rms_epsilon),
                      normed_.data() + row * size, size);
  };
  linear_many(kernels_, team_, tasks, normed_.data(), size, rows_, packed_,
              {.before = normalise, .after = after});
}

void Forward::project_qkv(const LayerWeights& weights) {
  const LinearTask tasks[] = {
      {weights.query.weights, q_.data(), q_size_, weights.query.bias},
      {weights.key.weights, k_.data(), kv_size_, weights.key.bias},
      {weights.value.weights, v_.data(), kv_size_, weights.value.bias},
  };
  project(tasks, weights.attention_norm);
}

// Normalises a query or key head where the model does, and turns it.
void Forward::prepare_head(float* head, const float* norm, std::int64_t row) {
  if (norm != nullptr) {
    kernels_.rms_norm(head, norm, static_cast<float>(config_.rms_epsilon), head,
                      config_.head_dim);
  }
  const std::int64_t at = row * (config_.rotary_dim / 2);
  kernels_.rope(head, cosines_.data() + at, sines_.data() + at,
                config_.rotary_dim, config_.rope_interleaved);
}

void Forward::rotate_and_cache(const LayerWeights& weights, std::int64_t layer,
                               const KvCacheAccess& cache) {
  const std::int64_t head_dim = config_.head_dim;
  for_each_row([&](std::int64_t row) {
    for (std::int64_t head = 0; head < config_.n_heads; ++head) {
      prepare_head(q_.data() + row * q_size_ + head * head_dim,
                   weights.query_norm, row);
    }
    const RowPlace& place = places_[static_cast<size_t>(row)];
    const KvCacheAccess::BlockIndex block = place.block;
    const std::int64_t offset = place.row_in_block * cache.row_bytes();
    for (std::int64_t head = 0; head < config_.n_kv_heads; ++head) {
      float* key = k_.data() + row * kv_size_ + head * head_dim;
      const float* value = v_.data() + row * kv_size_ + head * head_dim;
      prepare_head(key, weights.key_norm, row);
      kernels_.store(cache.dtype(), key,
                     cache.keys(block, layer, head) + offset, head_dim);
      kernels_.store(cache.dtype(), value,
                     cache.values(block, layer, head) + offset, head_dim);
    }
  });
}

// Moves the rows that return logits to the front of the tile and forgets the
// others, whose keys and values are all that is still wanted of them.
void Forward::keep_logits_rows() {
  std::int64_t kept = 0;
  const auto move_row = [&](AlignedBuffer<float>& buffer, std::int64_t from,
                            std::int64_t columns) {
    std::copy_n(buffer.data() + from * columns, columns,
                buffer.data() + kept * columns);
  };
  for (Segment& segment : segments_) {
    segment = part(segment, segment.rows - segment.logits_rows, segment.rows);
    const std::int64_t first_row = std::exchange(segment.first_row, kept);
    for (std::int64_t i = 0; i < segment.rows; ++i, ++kept) {
      if (first_row + i == kept) continue;
      move_row(x_, first_row + i, config_.hidden_size);
      move_row(q_, first_row + i, q_size_);
    }
  }
  rows_ = kept;
}

void Forward::attend(std::int64_t layer, const KvCacheAccess& cache) {
  attention_tiles_.clear();
  for (const Segment& segment : segments_) {
    for (std::int64_t i = 0; i < segment.rows;) {
      const std::int64_t end = i + attention_rows(segment, i);
      attention_tiles_.push_back(part(segment, i, end));
      i = end;
    }
  }
  // The query heads of one key/value head go together, so that its cache is
  // read once; with few rows they are split to give every thread some.
  const auto tiles = static_cast<std::int64_t>(attention_tiles_.size());
  const std::int64_t group = config_.n_heads / config_.n_kv_heads;
  std::int64_t heads = group;
  while (heads % 2 == 0 && tiles * config_.n_heads / heads < team_.size()) {
    heads /= 2;
  }
  const std::int64_t items_a_tile = config_.n_heads / heads;
  const std::int64_t items = tiles * items_a_tile;

  // Tiles differ in cost: threads take the next one as they finish. Later rows
  // see more positions, so the costliest come first.
  std::atomic<std::int64_t> next = 0;
  const auto work = [&](int rank) {
    for (std::int64_t i = next++; i < items; i = next++) {
      const auto tile = static_cast<size_t>(tiles - 1 - i / items_a_tile);
      attend_tile(attention_tiles_[tile], i % items_a_tile * heads, heads,
                  layer, cache, tables_[static_cast<size_t>(rank)]);
    }
  };
  if (items <= 1) {
    work(0);
  } else {
    team_.run(work);
  }
}

// How many rows from `begin` on go into one call of the kernel: of a tree,
// those of which each follows the one before.
std::int64_t Forward::attention_rows(const Segment& segment,
                                     std::int64_t begin) {
  const std::int64_t most = std::min(kAttentionRows, segment.rows - begin);
  std::int64_t rows = 1;
  while (rows < most &&
         segment.tree.follows(segment.first_slot + begin + rows)) {
    ++rows;
  }
  return rows;
}

void Forward::attend_tile(const Segment& rows, std::int64_t first_head,
                          std::int64_t heads, std::int64_t layer,
                          const KvCacheAccess& cache, BlockTable& table) {
  const std::int64_t kv_head =
      first_head / (config_.n_heads / config_.n_kv_heads);
  const bool slides =
      config_.sliding_window > 0 && layer >= config_.sliding_window_from_layer;
  const std::int64_t window = slides ? config_.sliding_window : 0;
  const std::int64_t first_position = rows.tree.position(rows.first_slot);
  const std::int64_t first_seen =
      slides ? std::max<std::int64_t>(0, first_position + 1 - window) : 0;
  const std::int64_t last_seen = first_position + rows.rows - 1;
  for (std::int64_t b = first_seen / KvCache::kBlockSize;
       b <= last_seen / KvCache::kBlockSize; ++b) {
    const auto i = static_cast<size_t>(b);
    table.keys[i] = cache.keys(rows.blocks[i], layer, kv_head);
    table.values[i] = cache.values(rows.blocks[i], layer, kv_head);
  }
  gather_path(rows, layer, kv_head, cache, table);
  const std::int64_t offset =
      rows.first_row * q_size_ + first_head * config_.head_dim;
  kernels_.attention({
      .q = q_.data() + offset,
      .q_stride = q_size_,
      .out = attended_.data() + offset,
      .out_stride = q_size_,
      .m = rows.rows,
      .group = heads,
      .head_dim = config_.head_dim,
      .first_position = first_position,
      .window = window,
      .scale = static_cast<float>(
          1 / std::sqrt(static_cast<double>(config_.head_dim))),
      .dtype = cache.dtype(),
      .block_size = KvCache::kBlockSize,
      .keys = table.keys.data(),
      .values = table.values.data(),
  });
}

// A kernel reads keys and values in order of position. Where the rows on a path
// through a tree do not lie at their positions, the table gets copies of the
// blocks in which they would: what the kernel then computes is what it would
// without a tree, to the bit.
void Forward::gather_path(const Segment& rows, std::int64_t layer,
                          std::int64_t kv_head, const KvCacheAccess& cache,
                          BlockTable& table) {
  const std::int64_t last_slot = rows.first_slot + rows.rows - 1;
  rows.tree.find_path(last_slot, table.path);
  const std::int64_t length = rows.tree.length;
  const std::int64_t end = length + std::ssize(table.path);
  std::int64_t moved = length;
  const auto slot_of = [&](std::int64_t position) {
    return position < length
               ? position
               : table.path[static_cast<size_t>(position - length)];
  };
  while (moved < end && slot_of(moved) == moved) ++moved;
  if (moved == end) return;

  constexpr std::int64_t kSize = KvCache::kBlockSize;
  const auto row_bytes = static_cast<size_t>(cache.row_bytes());
  std::byte* keys = table.copies.data();
  for (std::int64_t first = moved / kSize * kSize; first < end;
       first += kSize) {
    std::byte* const values = keys + kSize * cache.row_bytes();
    for (std::int64_t i = 0; i < std::min(kSize, end - first); ++i) {
      const std::int64_t slot = slot_of(first + i);
      const auto block = rows.blocks[static_cast<size_t>(slot / kSize)];
      const std::int64_t from = slot % kSize * cache.row_bytes();
      const std::int64_t to = i * cache.row_bytes();
      std::memcpy(keys + to, cache.keys(block, layer, kv_head) + from,
                  row_bytes);
      std::memcpy(values + to, cache.values(block, layer, kv_head) + from,
                  row_bytes);
    }
    table.keys[static_cast<size_t>(first / kSize)] = keys;
    table.values[static_cast<size_t>(first / kSize)] = values;
    keys = values + kSize * cache.row_bytes();
  }
}

// x += linear(in), in [rows, linear.weights.columns]
void Forward::add_linear(const LinearWeights& linear, const float* in) {
  const std::int64_t size = config_.hidden_size;
  const LinearTask task{linear.weights, projected_.data(), size, linear.bias};
  const auto add = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      const std::int64_t at = row * size + begin;
      kernels_.add(projected_.data() + at, x_.data() + at, end - begin);
    }
  };
  linear_many(kernels_, team_, {&task, 1}, in, linear.weights.columns, rows_,
              packed_, {.before = {}, .after = add});
}

void Forward::feed_forward(const LayerWeights& weights) {
  const std::int64_t size = config_.intermediate_size;
  const LinearTask tasks[] = {
      {weights.gate.weights, gate_.data(), size, weights.gate.bias},
      {weights.up.weights, up_.data(), size, weights.up.bias},
  };
  const auto activate = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      float* gate = gate_.data() + row * size + begin;
      kernels_.silu_multiply(gate, up_.data() + row * size + begin, gate,
                             end - begin);
    }
  };
  project(tasks, weights.ffn_norm, activate);
  add_linear(weights.down, gate_.data());
}

// [rows_, vocab_size], of the rows that keep_logits_rows has left.
void Forward::project_logits(float* logits) {
  const LinearTask task{.weights = weights_.output(),
                        .out = logits,
                        .out_stride = config_.vocab_size};
  project({&task, 1}, weights_.output_norm());
}

}  // namespace pilotfish
