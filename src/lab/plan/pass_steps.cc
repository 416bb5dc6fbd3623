#include <algorithm>
#include <variant>

#include "pilotfish/lab/plan_ranks.h"
#include "tensor/dtype.h"

namespace pilotfish {
namespace {

// The first ones get what is left over.
std::int64_t part_of(std::int64_t count, std::int64_t parts, std::int64_t i) {
  return count / parts + (i < count % parts ? 1 : 0);
}

// Rows of a matrix that a rank holds.
std::int64_t rows_of_rank(std::int64_t rows, int ranks, int rank) {
  constexpr std::int64_t kUnit = 16;  // what packed layouts keep together
  const std::int64_t units = (rows + kUnit - 1) / kUnit;
  const std::int64_t first =
      units / ranks * rank + std::min<std::int64_t>(rank, units % ranks);
  const std::int64_t end = first + part_of(units, ranks, rank);
  return std::min(end * kUnit, rows) - std::min(first * kUnit, rows);
}

struct RankHeads {
  std::int64_t queries = 0;
  std::int64_t keys = 0;  // and values
};

RankHeads heads_of_rank(const AttentionConfig& attention, int ranks, int rank) {
  const std::int64_t group = attention.n_heads / attention.n_kv_heads;
  if (ranks <= attention.n_kv_heads) {
    const std::int64_t keys = part_of(attention.n_kv_heads, ranks, rank);
    return {keys * group, keys};
  }
  const std::int64_t head = rank % attention.n_kv_heads;
  const std::int64_t sharers = part_of(ranks, attention.n_kv_heads, head);
  const std::int64_t queries =
      part_of(group, sharers, rank / attention.n_kv_heads);
  return {queries, queries > 0 ? 1 : 0};
}

PassStep attention_step(const ModelConfig& config, int layer, int ranks) {
  const AttentionConfig& attention =
      config.layers[static_cast<size_t>(layer)].attention;
  PassStep step{.layer = layer,
                .weights = {},
                .cache = {},
                .gathered = attention.q_size(),
                .packed = true};
  for (int rank = 0; rank < ranks; ++rank) {
    const RankHeads heads = heads_of_rank(attention, ranks, rank);
    step.weights.push_back((heads.queries + 2 * heads.keys) *
                           attention.head_dim * config.hidden_size);
    step.cache.push_back(static_cast<double>(heads.keys) /
                         static_cast<double>(attention.n_kv_heads));
  }
  return step;
}

// `count` matrices of the same extents.
PassStep matrix_step(int layer, std::int64_t rows, std::int64_t columns,
                     int count, bool packed, int ranks) {
  PassStep step{.layer = layer,
                .weights = {},
                .cache = {},
                .gathered = rows,
                .packed = packed};
  for (int rank = 0; rank < ranks; ++rank) {
    step.weights.push_back(count * rows_of_rank(rows, ranks, rank) * columns);
  }
  return step;
}

}  // namespace

std::vector<PassStep> pass_steps(const ModelConfig& config, int ranks) {
  std::vector<PassStep> steps;
  const std::int64_t hidden = config.hidden_size;
  for (int layer = 0; layer < config.n_layers(); ++layer) {
    const LayerConfig& one = config.layers[static_cast<size_t>(layer)];
    const std::int64_t inner = std::visit(
        [](const auto& ffn) { return ffn.intermediate_size; }, one.ffn);
    steps.push_back(attention_step(config, layer, ranks));
    steps.push_back(
        matrix_step(layer, hidden, one.attention.q_size(), 1, false, ranks));
    steps.push_back(matrix_step(layer, inner, hidden, 2, true, ranks));
    steps.push_back(matrix_step(layer, hidden, inner, 1, false, ranks));
  }
  steps.push_back(matrix_step(-1, config.vocab_size, hidden, 1, false, ranks));
  return steps;
}

double gathered_bytes(const PassStep& step, DType weights, std::int64_t rows) {
  double bytes = 4;
  if (step.packed && weights == DType::kBF16) bytes = 2;
  if (step.packed && is_quantised(weights)) bytes = 1 + 4.0 / 32;
  return bytes * static_cast<double>(step.gathered * rows);
}

}  // namespace pilotfish
