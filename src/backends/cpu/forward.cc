#include "backends/cpu/forward.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <optional>
#include <utility>
#include <variant>

#include "base/out_of_memory.h"
#include "kernels/packed_layout.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

const Kernels& chosen_kernels(const std::string& name) {
  return name.empty() ? best_kernels() : kernels_named(name);
}

// Of the packed inputs of one row. A call packs its input once for each dtype:
// for three layers at most.
std::int64_t widest_packed_row(const Weights& weights, const Kernels& kernels) {
  const auto bytes = [&](const WeightMatrix& matrix) {
    return activation_bytes(kernels, matrix);
  };
  std::int64_t widest = bytes(weights.output());
  for (const LayerWeights& layer : weights.layers()) {
    widest = std::max({widest,
                       bytes(layer.query.weights) + bytes(layer.key.weights) +
                           bytes(layer.value.weights),
                       bytes(layer.attention_output.weights),
                       bytes(layer.gate.weights) + bytes(layer.up.weights),
                       bytes(layer.down.weights)});
  }
  return widest;
}

}  // namespace

CpuForward::CpuForward(std::shared_ptr<const Checkpoint> checkpoint,
                       const ModelConfig& config, const LoadOptions& options)
    : CpuForward(std::move(checkpoint), config, options,
                 chosen_kernels(options.instruction_set)) {}

CpuForward::CpuForward(std::shared_ptr<const Checkpoint> checkpoint,
                       const ModelConfig& config, const LoadOptions& options,
                       const Kernels& kernels)
    : CpuForward(std::move(checkpoint), config, options, kernels,
                 Shard(config, 0, 1), nullptr) {}

CpuForward::CpuForward(std::shared_ptr<const Checkpoint> checkpoint,
                       const ModelConfig& config, const LoadOptions& options,
                       const Shard& shard, Exchange& exchange)
    : CpuForward(std::move(checkpoint), config, options,
                 chosen_kernels(options.instruction_set), shard, &exchange) {}

CpuForward::CpuForward(std::shared_ptr<const Checkpoint> checkpoint,
                       const ModelConfig& config, const LoadOptions& options,
                       const Kernels& kernels, const Shard& shard,
                       Exchange* exchange)
    : kernels_(kernels),
      team_(options.threads),
      config_(config),
      shard_(shard),
      weights_(std::move(checkpoint), config_, shard_,
               {.dtype = options.dtype,
                .strict_dtype = options.strict_dtype,
                .packs_bf16 = kernels_.packed.has_bf16,
                .progress = options.progress},
               *team_),
      ropes_(
          config_,
          options.n_positions > 0 ? options.n_positions : config_.n_positions,
          weights_.rope_divisors()),
      packed_row_bytes_(widest_packed_row(weights_, kernels_)),
      kv_shapes_(shard_.kv_shapes(kv_layer_shapes(config_))),
      attention_(kernels_, *team_),
      gathers_(exchange),
      is_crowded_(team_->size() >= available_processors()),
      exchanges_packed_(!shard_.is_whole() && !options.mixed_instruction_sets),
      logits_stride_(shard_.rank() == 0 ? config_.vocab_size
                                        : shard_.mine(shard_.vocab()).size()) {
  tiles_.reserve(2);
  while (std::ssize(tiles_) < (shard_.is_whole() ? 1 : 2)) {
    tiles_.emplace_back(config_, gathers_, shard_.rank());
  }
}

std::unique_ptr<ForwardPass> CpuForward::load(
    std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config,
    const LoadOptions& options) {
  return std::make_unique<CpuForward>(std::move(checkpoint), config, options);
}

std::int64_t CpuForward::scratch_bytes(const ModelConfig& config,
                                       std::int64_t logits_rows) {
  return Scratch::bytes(config, kTileRows) +
         logits_rows * config.vocab_size *
             static_cast<std::int64_t>(sizeof(float));
}

std::vector<RankShare> CpuForward::ranks() const {
  return {{.host = {},
           .threads = team_->size(),
           .weight_bytes = weights_.bytes(),
           .resident_bytes = weights_.resident_bytes()}};
}

std::unique_ptr<KvStorage> CpuForward::make_storage(
    const KvLayout& layout) const {
  return std::make_unique<CpuKvStorage>(shard_.kv_layout(layout), *team_);
}

ForwardOutput CpuForward::run(const Batch& batch, KvCache& cache,
                              std::int64_t layers) {
  const Pass pass = prepare(batch, cache, layers);
  return compute(
      pass, static_cast<const CpuKvStorage&>(KvCacheAccess(cache).storage()));
}

Pass CpuForward::prepare(const Batch& batch, KvCache& cache,
                         std::int64_t layers, bool overlaps_gathers) {
  KvCacheAccess access(cache);
  check(batch, access, layers);
  PassSize size = size_of(batch, cache);
  size.overlaps_gathers = overlaps_gathers;
  reserve(size, static_cast<const CpuKvStorage&>(access.storage()));
  append(batch, cache, access);
  return {.tokens = batch.tokens(),
          .segments = batch_segments_,
          .hidden_layers = batch.hidden_layers(),
          .hidden_rows = batch.hidden_rows(),
          .logits_rows = batch.logits_rows(),
          .layers = layers,
          .overlaps_gathers = overlaps_gathers};
}

ForwardOutput CpuForward::compute(const Pass& pass,
                                  const CpuKvStorage& storage) {
  const ThreadTeam::CallerAtHome at_home(*team_);
  const std::int64_t total = std::ssize(pass.tokens);
  float* logits = logits_.data();
  for (std::int64_t first = 0; first < total; first += kTileRows) {
    logits = compute_rows(pass, first, std::min(kTileRows, total - first),
                          storage, logits);
  }
  ForwardOutput output;
  if (shard_.rank() == 0) {
    output.logits =
        Logits(logits_.data(), pass.logits_rows, config_.vocab_size);
  }
  if (!pass.hidden_layers.empty()) {
    output.hidden = HiddenRows(hidden_.data(), std::ssize(pass.hidden_layers),
                               pass.hidden_rows, config_.hidden_size);
  }
  return output;
}

std::int64_t CpuForward::first_tile_rows(std::int64_t rows,
                                         bool overlaps_gathers) {
  if (!overlaps_gathers || rows < 2 * kFewestHalfRows) return rows;
  return (rows / 2 + kPackedRows - 1) / kPackedRows * kPackedRows;
}

float* CpuForward::compute_rows(const Pass& pass, std::int64_t first_row,
                                std::int64_t rows, const CpuKvStorage& storage,
                                float* logits) {
  const std::int64_t half = first_tile_rows(rows, pass.overlaps_gathers);
  const std::span<Tile> tiles(tiles_.data(), half < rows ? 2 : 1);
  std::optional<GatherQueue::Beside> beside;
  begin_tile(tiles.front(), pass, first_row, half);
  if (half < rows) {
    begin_tile(tiles.back(), pass, first_row + half, rows - half);
    beside.emplace(gathers_, is_crowded_);
  }
  run_layers(tiles, pass.layers, storage);
  for (Tile& tile : tiles) {
    project_logits(tile, logits);
    logits += tile.rows * logits_stride_;
  }
  for (Tile& tile : tiles) tile.ranks.finish();
  return logits;
}

// Each step takes what the one before it has had gathered. Of two tiles that
// take turns, the gather of one goes on while the other is computed; a tile's
// keys and values are there before later rows look at them.
void CpuForward::run_layers(std::span<Tile> tiles, std::int64_t layers,
                            const CpuKvStorage& storage) {
  for (std::int64_t i = 0; i < layers; ++i) {
    const Layer layer = layer_at(i, storage);
    const LinearWeights& output = layer.weights.attention_output;
    const LinearWeights& down = layer.weights.down;
    for (Tile& tile : tiles) {
      tile.ranks.finish();
      take_hidden(tile, i);
      project_qkv(tile, layer);
      rotate_and_cache(tile, layer);
      // From here on the last layer serves nothing but what is returned.
      if (i + 1 == layers) {
        tile.keep_last_rows(tile.wanted_hidden.wants(layers),
                            config_.hidden_size,
                            layer.config.attention.q_size());
      }
      attend(tile, layer);
      share_input(tile, output, tile.scratch.attended.data(),
                  layer.shard.attended);
    }
    for (Tile& tile : tiles) {
      add_linear(tile, output, tile.scratch.attended.data(),
                 layer.shard.attended);
    }
    for (Tile& tile : tiles) {
      tile.ranks.finish();
      std::visit([&](const auto& ffn) { activate_ffn(tile, layer, ffn); },
                 layer.config.ffn);
      share_input(tile, down, tile.scratch.gate.data(), layer.shard.ffn);
    }
    for (Tile& tile : tiles) {
      add_linear(tile, down, tile.scratch.gate.data(), layer.shard.ffn);
    }
  }
  for (Tile& tile : tiles) {
    tile.ranks.finish();
    take_hidden(tile, layers);
    if (tile.wanted_hidden.wants(layers)) {
      tile.keep_last_rows(/*with_hidden=*/false, config_.hidden_size,
                          /*q_size=*/0);
    }
  }
}

CpuForward::Layer CpuForward::layer_at(std::int64_t index,
                                       const CpuKvStorage& storage) const {
  const auto i = static_cast<size_t>(index);
  return {config_.layers[i], weights_.layers()[i], shard_.layer(index),
          storage.layer(index), ropes_.first(index)};
}

void CpuForward::check(const Batch& batch, const KvCacheAccess& cache,
                       std::int64_t layers) {
  const auto* const storage =
      dynamic_cast<const CpuKvStorage*>(&cache.storage());
  if (storage == nullptr ||
      !std::ranges::equal(storage->shapes(), kv_shapes_)) {
    throw UsageError("forward: the KV cache was made for another model");
  }
  if (!batch.hidden_layers().empty() && batch.hidden_layers().back() > layers) {
    throw UsageError(
        fmt::format("forward: hidden rows of layer {} are wanted, expected 0 "
                    "to {}, the layers that run",
                    batch.hidden_layers().back(), layers));
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

CpuForward::PassSize CpuForward::size_of(const Batch& batch,
                                         const KvCache& cache) {
  PassSize size = {
      .rows = batch.rows(),
      .logits_rows = batch.logits_rows(),
      .hidden_rows = std::ssize(batch.hidden_layers()) * batch.hidden_rows(),
      .entries = std::ssize(batch.entries())};
  for (const Batch::Entry& entry : batch.entries()) {
    const std::int64_t tree =
        cache.tree_rows(entry.sequence) + (entry.is_tree ? entry.rows : 0);
    const std::int64_t line = entry.is_tree ? 0 : entry.rows;
    size.slots =
        std::max(size.slots, cache.length(entry.sequence) + line + tree);
    size.tree_rows = std::max(size.tree_rows, tree);
  }
  return size;
}

CpuForward::PassSize CpuForward::size_of(const Pass& pass) {
  PassSize size = {
      .rows = std::ssize(pass.tokens),
      .logits_rows = pass.logits_rows,
      .hidden_rows = std::ssize(pass.hidden_layers) * pass.hidden_rows,
      .entries = std::ssize(pass.segments),
      .overlaps_gathers = pass.overlaps_gathers};
  for (const Segment& segment : pass.segments) {
    size.slots = std::max(size.slots, segment.first_slot + segment.rows);
    size.tree_rows = std::max(size.tree_rows, std::ssize(segment.tree.parents));
  }
  return size;
}

void CpuForward::reserve(const Pass& pass, const CpuKvStorage& storage) {
  reserve(size_of(pass), storage);
}

void CpuForward::reserve(const PassSize& size, const CpuKvStorage& storage) {
  const std::int64_t rows = std::min(kTileRows, size.rows);
  try {
    const std::int64_t half = first_tile_rows(rows, size.overlaps_gathers);
    reserve(tiles_.front(), half, size);
    if (half < rows) reserve(tiles_.back(), half, size);
    logits_.reserve(static_cast<size_t>(size.logits_rows * logits_stride_));
    hidden_.reserve(
        static_cast<size_t>(size.hidden_rows * config_.hidden_size));
    attention_.reserve(size.slots, size.tree_rows, rows,
                       storage.widest_row_bytes());
  } catch (const std::bad_alloc&) {
    throw out_of_memory(
        static_cast<std::uint64_t>(
            Scratch::bytes(config_, rows) +
            4 * (size.logits_rows * logits_stride_ +
                 size.hidden_rows * config_.hidden_size)),
        fmt::format("a pass over {} rows with {} rows of logits and {} hidden "
                    "rows",
                    size.rows, size.logits_rows, size.hidden_rows),
        "bring fewer at once");
  }
}

void CpuForward::reserve(Tile& tile, std::int64_t rows, const PassSize& size) {
  tile.scratch.reserve(rows, packed_row_bytes_);
  tile.ranks.reserve(rows * tile.scratch.widths.widest());
  tile.ranks.reserve(std::min(rows, size.logits_rows) * config_.vocab_size);
  tile.segments.reserve(static_cast<size_t>(size.entries));
  tile.places.reserve(static_cast<size_t>(rows));
}

void CpuForward::append(const Batch& batch, KvCache& cache,
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
         .hidden_rows = entry.hidden_rows,
         .tree = tree});
  }
}

void CpuForward::begin_tile(Tile& tile, const Pass& pass,
                            std::int64_t first_row, std::int64_t rows) {
  tile.wanted_hidden = {pass.hidden_layers, pass.hidden_rows, /*done=*/0};
  tile.begin(pass.segments, first_row, rows);
  embed(tile, pass.tokens.subspan(static_cast<size_t>(first_row),
                                  static_cast<size_t>(rows)));
  find_angles(tile);
}

}  // namespace pilotfish
