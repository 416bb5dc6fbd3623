#include "lab/convert/tensor_moves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <optional>
#include <set>

#include "formats/extents.h"
#include "formats/in_quotes.h"
#include "model/config.h"
#include "model/find_tensor.h"
#include "model/tensor_names.h"
#include "model/tensor_shapes.h"
#include "pilotfish/error.h"
#include "tensor/quantise.h"

namespace pilotfish {
namespace {

// How many heads the rows of a tensor that turns are made of; 0 for others.
std::int64_t turning_heads(TensorRole role, const ModelConfig& config) {
  using enum TensorRole;
  const AttentionConfig& attention = common_layer(config).attention;
  if (role == kQuery || role == kQueryBias) return attention.n_heads;
  if (role == kKey || role == kKeyBias) return attention.n_kv_heads;
  return 0;
}

class MovePlanner {
 public:
  MovePlanner(const Checkpoint& checkpoint, const ModelConfig& config,
              const MoveOptions& options)
      : checkpoint_(checkpoint), config_(config), options_(options) {}

  std::vector<TensorMove> plan() {
    for (int i = 0; i < kTensorRoleCount; ++i) {
      const auto role = static_cast<TensorRole>(i);
      if (!is_per_layer(role)) add(role, 0);
    }
    for (int layer = 0; layer < config_.n_layers(); ++layer) {
      for (int i = 0; i < kTensorRoleCount; ++i) {
        const auto role = static_cast<TensorRole>(i);
        if (is_per_layer(role)) add(role, layer);
      }
    }
    return std::move(moves_);
  }

 private:
  [[noreturn]] void fail(const std::string& tensor,
                         const std::string& what) const {
    throw Error(fmt::format("{}: tensor {}: {}", checkpoint_.path().string(),
                            tensor, what));
  }

  void add(TensorRole role, int layer) {
    const std::string name = tensor_name(checkpoint_.kind(), role, layer);
    const TensorView* source = find_tensor(checkpoint_, config_, role, layer);
    const auto shape = tensor_shape(config_, role, layer);
    if (!shape) {
      // An output projection beside tied embeddings is a copy of them.
      if (source && role != TensorRole::kOutput &&
          role != TensorRole::kRopeFrequencies) {
        fail(name, "not expected: by its configuration the model has none");
      }
      return;
    }
    if (!source) fail(name, "missing");
    if (source->shape != shape->extents()) {
      fail(name,
           fmt::format("found shape {}, expected {}", shape_text(source->shape),
                       shape_text(shape->extents())));
    }
    add_move(*source, role, layer);
  }

  void add_move(const TensorView& source, TensorRole role, int layer) {
    TensorMove move{&source,
                    {tensor_name(options_.target, role, layer),
                     options_.choose_dtype(source), source.shape}};
    const std::int64_t heads = turning_heads(role, config_);
    if (heads > 0) {
      move.heads = heads;
      move.order = options_.query_key_order;
    }
    if (source.shape.size() == 1 && is_quantised(source.dtype)) {
      fail(source.name, fmt::format("found {}, expected f32, f16 or bf16",
                                    dtype_name(source.dtype)));
    }
    if (!checked_bytes(move.target.dtype, move.target.shape)) {
      fail(source.name,
           fmt::format("rows of {} are not a multiple of {}",
                       source.shape.back(), dtype_name(move.target.dtype)));
    }
    moves_.push_back(std::move(move));
  }

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  const MoveOptions& options_;
  std::vector<TensorMove> moves_;
};

// The row that comes out at place `row`, of `rows` in all.
std::int64_t source_row(const TensorMove& move, std::int64_t row,
                        std::int64_t rows) {
  const std::int64_t head_dim = rows / move.heads;
  const std::int64_t head = row / head_dim;
  const std::int64_t i = row % head_dim;
  switch (move.order) {
    case RowOrder::kSame:
      return row;
    case RowOrder::kInterleave:
      return head * head_dim + i % 2 * (head_dim / 2) + i / 2;
    case RowOrder::kSeparate:
      return head * head_dim + i % (head_dim / 2) * 2 + i / (head_dim / 2);
  }
  return row;
}

// Converts and reorders a tensor row by row.
class RowMover {
 public:
  RowMover(const TensorMove& move, const std::string& file)
      : move_(move),
        file_(file),
        source_(*move.source),
        rows_(source_.shape.front()),
        columns_(source_.shape.size() > 1 ? source_.shape.back() : 1),
        from_bytes_(row_bytes(source_.dtype, columns_)),
        to_bytes_(row_bytes(move.target.dtype, columns_)),
        floats_(static_cast<size_t>(columns_)) {}

  void run(TensorFileWriter& writer) {
    constexpr std::int64_t kBytesAtOnce = 1 << 20;
    const std::int64_t step =
        std::max<std::int64_t>(1, kBytesAtOnce / to_bytes_);
    std::vector<std::byte> buffer(
        static_cast<size_t>(std::min(step, rows_) * to_bytes_));
    for (std::int64_t first = 0; first < rows_; first += step) {
      const std::int64_t count = std::min(step, rows_ - first);
      for (std::int64_t i = 0; i < count; ++i) {
        move_row(first + i, buffer.data() + i * to_bytes_);
      }
      writer.write(
          std::span(buffer).first(static_cast<size_t>(count * to_bytes_)));
    }
  }

 private:
  void move_row(std::int64_t row, std::byte* out) {
    const std::byte* in =
        source_.data + source_row(move_, row, rows_) * from_bytes_;
    if (source_.dtype == move_.target.dtype) {
      std::copy_n(in, from_bytes_, out);
      return;
    }
    dequantise_row(source_.dtype, in, floats_.data(), columns_);
    check_range();
    quantise_row(move_.target.dtype, floats_.data(), out, columns_);
  }

  void check_range() const {
    if (const auto lost = first_lost(move_.target.dtype, floats_)) {
      if (std::isnan(*lost)) {
        throw Error(fmt::format(
            "{}: tensor {}: found NaN, which {} cannot hold: the model is "
            "damaged",
            file_, source_.name, dtype_name(move_.target.dtype)));
      }
      throw Error(fmt::format(
          "{}: tensor {}: {} is beyond the range of {}; use bf16 or f32", file_,
          source_.name, *lost, dtype_name(move_.target.dtype)));
    }
  }

  const TensorMove& move_;
  const std::string& file_;
  const TensorView& source_;
  const std::int64_t rows_;
  const std::int64_t columns_;
  const std::int64_t from_bytes_;  // of a row
  const std::int64_t to_bytes_;
  std::vector<float> floats_;  // [columns_]
};

}  // namespace

std::vector<TensorMove> plan_tensor_moves(const Checkpoint& checkpoint,
                                          const ModelConfig& config,
                                          const MoveOptions& options) {
  return MovePlanner(checkpoint, config, options).plan();
}

void move_tensors(std::span<const TensorMove> moves, const std::string& file,
                  TensorFileWriter& writer) {
  for (const TensorMove& move : moves) {
    const TensorView& source = *move.source;
    if (source.dtype == move.target.dtype && move.order == RowOrder::kSame) {
      writer.write({source.data, static_cast<size_t>(source.bytes)});
    } else {
      RowMover(move, file).run(writer);
    }
  }
}

std::string left_out_text(const Checkpoint& checkpoint,
                          const ModelConfig& config,
                          std::span<const TensorMove> moves) {
  std::set<std::string_view> used;
  for (const TensorMove& move : moves) used.insert(move.source->name);
  std::int64_t count = 0;
  std::string first;
  const auto look_at = [&](const std::string& name) {
    const auto place = find_tensor_place(checkpoint.kind(), name);
    const bool copy =
        place && place->role == TensorRole::kOutput && config.tied_embeddings;
    const bool divisors = place && place->role == TensorRole::kRopeFrequencies;
    if (used.contains(name) || copy || divisors) return;
    if (count++ == 0) first = name;
  };
  for (const TensorView& tensor : checkpoint.tensors()) look_at(tensor.name);
  for (const auto& [name, reason] : checkpoint.unreadable()) look_at(name);
  if (count == 0) return "";
  return fmt::format(
      "{} tensor{} that the model does not use {} left out: {}{}", count,
      count == 1 ? "" : "s", count == 1 ? "is" : "are", in_quotes(first),
      count == 1 ? "" : ", ...");
}

std::vector<TensorSpec> targets_of(std::span<const TensorMove> moves) {
  std::vector<TensorSpec> targets;
  for (const TensorMove& move : moves) targets.push_back(move.target);
  return targets;
}

}  // namespace pilotfish
