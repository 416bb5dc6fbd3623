#include "backends/cpu/forward.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>
#include <variant>

#include "base/out_of_memory.h"
#include "kernels/packed_matrix.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Fewer rows than this are not worth waking the team for.
constexpr std::int64_t kParallelRows = 4;

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
      scratch_(config_),
      attention_(kernels_, *team_),
      ranks_(exchange, shard_.rank()),
      exchanges_packed_(!shard_.is_whole() && !options.mixed_instruction_sets),
      logits_stride_(shard_.rank() == 0 ? config_.vocab_size
                                        : shard_.mine(shard_.vocab()).size()) {}

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
                         std::int64_t layers) {
  KvCacheAccess access(cache);
  check(batch, access, layers);
  reserve(size_of(batch, cache),
          static_cast<const CpuKvStorage&>(access.storage()));
  append(batch, cache, access);
  return {.tokens = batch.tokens(),
          .segments = batch_segments_,
          .hidden_layers = batch.hidden_layers(),
          .hidden_rows = batch.hidden_rows(),
          .logits_rows = batch.logits_rows(),
          .layers = layers};
}

ForwardOutput CpuForward::compute(const Pass& pass,
                                  const CpuKvStorage& storage) {
  const ThreadTeam::CallerAtHome at_home(*team_);
  const std::int64_t total = std::ssize(pass.tokens);
  wanted_hidden_ = {pass.hidden_layers, pass.hidden_rows, /*done=*/0};
  float* logits = logits_.data();
  for (std::int64_t first = 0; first < total; first += kTileRows) {
    const std::int64_t rows = std::min(kTileRows, total - first);
    begin_tile(pass.segments, first, rows);
    embed(pass.tokens.subspan(static_cast<size_t>(first),
                              static_cast<size_t>(rows)));
    find_angles();
    run_layers(pass.layers, storage);
    project_logits(logits);
    logits += rows_ * logits_stride_;
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

void CpuForward::run_layers(std::int64_t layers, const CpuKvStorage& storage) {
  const bool last_is_wanted = wanted_hidden_.wants(layers);
  take_hidden(0);
  for (std::int64_t i = 0; i < layers; ++i) {
    const Layer layer = layer_at(i, storage);
    project_qkv(layer);
    rotate_and_cache(layer);
    // From here on the last layer serves nothing but what is returned.
    if (i + 1 == layers) {
      keep_last_rows(last_is_wanted, layer.config.attention.q_size());
    }
    attend(layer);
    add_linear(layer.weights.attention_output, scratch_.attended.data(),
               layer.shard.attended);
    std::visit([&](const auto& ffn) { feed_forward(layer, ffn); },
               layer.config.ffn);
    take_hidden(i + 1);
  }
  if (last_is_wanted) keep_last_rows(/*with_hidden=*/false, /*q_size=*/0);
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
      .entries = std::ssize(pass.segments)};
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
    scratch_.reserve(rows, packed_row_bytes_);
    ranks_.reserve(rows * scratch_.widths.widest());
    ranks_.reserve(std::min(rows, size.logits_rows) * config_.vocab_size);
    logits_.reserve(static_cast<size_t>(size.logits_rows * logits_stride_));
    hidden_.reserve(
        static_cast<size_t>(size.hidden_rows * config_.hidden_size));
    segments_.reserve(static_cast<size_t>(size.entries));
    places_.reserve(static_cast<size_t>(rows));
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

void CpuForward::begin_tile(std::span<const Segment> segments,
                            std::int64_t first_row, std::int64_t rows) {
  rows_ = rows;
  wanted_hidden_.done = 0;
  segments_.clear();
  places_.clear();
  for (const Segment& segment : segments) {
    const std::int64_t begin =
        std::max<std::int64_t>(0, first_row - segment.first_row);
    const std::int64_t end =
        std::min(segment.rows, first_row + rows - segment.first_row);
    wanted_hidden_.done +=
        segment.part(0, std::min(begin, segment.rows)).hidden_rows;
    if (begin >= end) continue;
    segments_.push_back(segment.part(begin, end));
    segments_.back().first_row -= first_row;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t slot = segment.first_slot + i;
      const auto block = static_cast<size_t>(slot / KvCache::kBlockSize);
      places_.push_back({segment.tree.position(slot),
                         {segment.blocks[block], slot % KvCache::kBlockSize}});
    }
  }
}

template <typename Function>
void CpuForward::for_each_row(const Function& function) {
  if (rows_ < kParallelRows) {
    for (std::int64_t row = 0; row < rows_; ++row) function(row);
    return;
  }
  team_->parallel_for(rows_, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) function(row);
  });
}

void CpuForward::embed(std::span<const Token> tokens) {
  for_each_row([&](std::int64_t row) {
    weights_.embed(kernels_, tokens[static_cast<size_t>(row)],
                   scratch_.x.data() + row * config_.hidden_size);
  });
}

void CpuForward::find_angles() {
  const std::int64_t width = ropes_.width();
  for_each_row([&](std::int64_t row) {
    ropes_.angles(places_[static_cast<size_t>(row)].position,
                  scratch_.cosines.data() + row * width,
                  scratch_.sines.data() + row * width);
  });
}

// linear_many over the rows of x, normalised.
void CpuForward::project(std::span<const LinearTask> tasks, const float* norm,
                         double epsilon,
                         FunctionRef<void(std::int64_t, std::int64_t)> after) {
  const std::int64_t size = config_.hidden_size;
  const auto normalise = [&](std::int64_t row) {
    kernels_.rms_norm(scratch_.x.data() + row * size, norm,
                      static_cast<float>(epsilon),
                      scratch_.normed.data() + row * size, size);
  };
  linear_many(kernels_, *team_, tasks, scratch_.normed.data(), size, rows_,
              scratch_.packed, {.before = normalise, .after = after});
}

void CpuForward::project_qkv(const Layer& layer) {
  const LayerWeights& weights = layer.weights;
  const std::int64_t q_size = layer.config.attention.q_size();
  const std::int64_t kv_size = layer.config.attention.kv_size();
  const LinearTask tasks[] = {
      task_of(weights.query, scratch_.q.data(), q_size),
      task_of(weights.key, scratch_.k.data(), kv_size),
      task_of(weights.value, scratch_.v.data(), kv_size)};
  project(tasks, weights.attention_norm, layer.config.rms_epsilon);
}

// Normalises a query or key head where the model does, and turns it.
void CpuForward::prepare_head(const Layer& layer, float* head,
                              const float* norm, std::int64_t row) {
  const AttentionConfig& attention = layer.config.attention;
  if (norm != nullptr) {
    kernels_.rms_norm(head, norm, static_cast<float>(layer.config.rms_epsilon),
                      head, attention.head_dim);
  }
  const std::int64_t at = row * ropes_.width() + layer.first_angle;
  kernels_.rope(head, scratch_.cosines.data() + at, scratch_.sines.data() + at,
                attention.rope.rotary_dim, attention.rope.interleaved);
}

void CpuForward::rotate_and_cache(const Layer& layer) {
  const AttentionConfig& attention = layer.config.attention;
  const CpuKvStorage::Layer& cache = layer.cache;
  const std::int64_t head_dim = attention.head_dim;
  const IndexRange heads = layer.shard.heads;
  const IndexRange kv_heads = layer.shard.kv_heads;
  for_each_row([&](std::int64_t row) {
    float* const queries = scratch_.q.data() + row * attention.q_size();
    for (std::int64_t head = heads.begin; head < heads.end; ++head) {
      prepare_head(layer, queries + head * head_dim, layer.weights.query_norm,
                   row);
    }
    float* const keys = scratch_.k.data() + row * attention.kv_size();
    const float* const values = scratch_.v.data() + row * attention.kv_size();
    const KvSlot slot = places_[static_cast<size_t>(row)].slot;
    const std::int64_t offset = slot.row * cache.row_bytes();
    for (std::int64_t head = kv_heads.begin; head < kv_heads.end; ++head) {
      const std::int64_t cached = head - kv_heads.begin;
      float* const key = keys + head * head_dim;
      prepare_head(layer, key, layer.weights.key_norm, row);
      kernels_.store(cache.dtype(), key,
                     cache.keys(slot.block, cached) + offset, head_dim);
      kernels_.store(cache.dtype(), values + head * head_dim,
                     cache.values(slot.block, cached) + offset, head_dim);
    }
  });
}

// Moves the last rows of each segment to the front of the tile and forgets the
// others, whose keys and values are all that is still wanted of them: keeps
// rows that return logits and, where asked, those that return hidden rows.
void CpuForward::keep_last_rows(bool with_hidden, std::int64_t q_size) {
  std::int64_t kept = 0;
  const auto move_row = [&](AlignedBuffer<float>& buffer, std::int64_t from,
                            std::int64_t columns) {
    std::copy_n(buffer.data() + from * columns, columns,
                buffer.data() + kept * columns);
  };
  for (Segment& segment : segments_) {
    segment = segment.last(
        std::max(segment.logits_rows, with_hidden ? segment.hidden_rows : 0));
    const std::int64_t first_row = std::exchange(segment.first_row, kept);
    for (std::int64_t i = 0; i < segment.rows; ++i, ++kept) {
      if (first_row + i == kept) continue;
      move_row(scratch_.x, first_row + i, config_.hidden_size);
      move_row(scratch_.q, first_row + i, q_size);
    }
  }
  rows_ = kept;
}

bool CpuForward::HiddenProgress::wants(std::int64_t layer) const {
  return std::ranges::find(layers, layer) != layers.end();
}

// Copies the rows that are wanted of what this layer leaves: 0 is the
// embedding.
void CpuForward::take_hidden(std::int64_t layer) {
  const auto place = std::ranges::find(wanted_hidden_.layers, layer);
  if (place == wanted_hidden_.layers.end()) return;
  const std::int64_t index = place - wanted_hidden_.layers.begin();
  const std::int64_t size = config_.hidden_size;
  float* out = hidden_.data() +
               (index * wanted_hidden_.rows + wanted_hidden_.done) * size;
  for (const Segment& segment : segments_) {
    const Segment wanted = segment.last(segment.hidden_rows);
    out = std::copy_n(scratch_.x.data() + wanted.first_row * size,
                      wanted.rows * size, out);
  }
}

void CpuForward::attend(const Layer& layer) {
  attention_.run({.segments = segments_,
                  .config = layer.config.attention,
                  .heads = layer.shard.heads,
                  .kv_heads = layer.shard.kv_heads,
                  .cache = layer.cache,
                  .q = scratch_.q.data(),
                  .out = scratch_.attended.data()});
}

// x += linear(in), in [rows, linear.weights.columns], of which each rank has
// made some columns.
void CpuForward::add_linear(const LinearWeights& linear, float* in,
                            const RankColumns& in_columns) {
  const std::int64_t size = config_.hidden_size;
  const LinearTask task = task_of(linear, scratch_.projected.data(), size);
  const auto add = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      const std::int64_t at = row * size + linear.first_row + begin;
      kernels_.add(scratch_.projected.data() + at, scratch_.x.data() + at,
                   end - begin);
    }
  };
  const IndexRange mine = shard_.mine(in_columns);
  const auto complete = [&](std::byte* data, std::int64_t bytes_per_block) {
    ranks_.all_gather_packed(data, bytes_per_block, in_columns);
  };
  const SharedInput shared = {mine.begin, mine.end, complete};
  const bool is_shared =
      exchanges_packed_ && can_share_input(linear.weights, in_columns);
  if (!is_shared) ranks_.all_gather(in, rows_, in_columns);
  linear_many(
      kernels_, *team_, {&task, 1}, in, linear.weights.columns, rows_,
      scratch_.packed,
      {.before = {}, .after = add, .shared = is_shared ? &shared : nullptr});
  ranks_.all_gather(scratch_.x.data(), rows_, shard_.hidden());
}

void CpuForward::feed_forward(const Layer& layer, const DenseFfn& ffn) {
  const LayerWeights& weights = layer.weights;
  const std::int64_t size = ffn.intermediate_size;
  const LinearTask tasks[] = {task_of(weights.gate, scratch_.gate.data(), size),
                              task_of(weights.up, scratch_.up.data(), size)};
  const auto activate = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      const std::int64_t at = row * size + weights.gate.first_row + begin;
      float* const gate = scratch_.gate.data() + at;
      kernels_.silu_multiply(gate, scratch_.up.data() + at, gate, end - begin);
    }
  };
  project(tasks, weights.ffn_norm, layer.config.rms_epsilon, activate);
  add_linear(weights.down, scratch_.gate.data(), layer.shard.ffn);
}

// [rows_, logits_stride_], of the rows that keep_last_rows has left.
void CpuForward::project_logits(float* logits) {
  const LinearTask task{.weights = weights_.output(),
                        .out = logits,
                        .out_stride = logits_stride_};
  project({&task, 1}, weights_.output_norm(), config_.rms_epsilon);
  ranks_.gather(logits, rows_, shard_.vocab());
}

}  // namespace pilotfish
