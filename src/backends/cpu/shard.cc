#include "backends/cpu/shard.h"

#include <algorithm>
#include <variant>

#include "kernels/packed_layout.h"

namespace pilotfish {
namespace {

// `size` elements in groups of `grain`, of which the last may be smaller.
RankColumns deal(std::int64_t size, std::int64_t grain, int ranks) {
  const std::int64_t groups = (size + grain - 1) / grain;
  RankColumns begins;
  for (int rank = 0; rank <= ranks; ++rank) {
    begins.push_back(std::min(size, groups * rank / ranks * grain));
  }
  return begins;
}

// Query heads. Whole groups that share a key/value head, as long as there is
// one for each rank.
RankColumns deal_heads(const AttentionConfig& attention, int ranks) {
  const std::int64_t group = attention.n_heads / attention.n_kv_heads;
  return deal(attention.n_heads, ranks <= attention.n_kv_heads ? group : 1,
              ranks);
}

// Activations are packed in blocks, so that ranks which divide between blocks
// can send them packed.
std::int64_t ffn_grain(std::int64_t size) {
  return size % kPackedColumns == 0 ? kPackedColumns : kPackedRows;
}

IndexRange times(IndexRange range, std::int64_t factor) {
  return {range.begin * factor, range.end * factor};
}

}  // namespace

Shard::Shard(const ModelConfig& config, int rank, int ranks)
    : rank_(rank),
      ranks_(ranks),
      hidden_(deal(config.hidden_size, kPackedRows, ranks)),
      vocab_(deal(config.vocab_size, kPackedRows, ranks)) {
  for (const LayerConfig& layer : config.layers) {
    const AttentionConfig& attention = layer.attention;
    Layer part;
    part.attended = deal_heads(attention, ranks);
    part.heads = mine(part.attended);
    for (std::int64_t& column : part.attended) column *= attention.head_dim;
    const std::int64_t group = attention.n_heads / attention.n_kv_heads;
    if (part.heads.size() > 0) {
      part.kv_heads = {part.heads.begin / group,
                       (part.heads.end + group - 1) / group};
    }
    const std::int64_t ffn = std::get<DenseFfn>(layer.ffn).intermediate_size;
    part.ffn = deal(ffn, ffn_grain(ffn), ranks);
    layers_.push_back(std::move(part));
  }
}

IndexRange Shard::mine(const RankColumns& columns) const {
  const auto i = static_cast<size_t>(rank_);
  return {columns[i], columns[i + 1]};
}

IndexRange Shard::rows(const ModelConfig& config, TensorRole role,
                       std::int64_t layer) const {
  using enum TensorRole;
  switch (role) {
    case kTokenEmbedding:
    case kOutput:
      return mine(vocab_);
    case kAttentionOutput:
    case kFfnDown:
      return mine(hidden_);
    default:
      break;
  }
  const Layer& part = layers_[static_cast<size_t>(layer)];
  const std::int64_t head_dim =
      config.layers[static_cast<size_t>(layer)].attention.head_dim;
  switch (role) {
    case kQuery:
      return times(part.heads, head_dim);
    case kKey:
    case kValue:
      return times(part.kv_heads, head_dim);
    default:  // kFfnGate, kFfnUp
      return mine(part.ffn);
  }
}

std::vector<KvLayerShape> Shard::kv_shapes(
    std::vector<KvLayerShape> whole) const {
  for (size_t i = 0; i < whole.size(); ++i) {
    whole[i].heads = layers_[i].kv_heads.size();
  }
  return whole;
}

KvLayout Shard::kv_layout(const KvLayout& whole) const {
  KvLayout part = whole;
  part.layers = kv_shapes(whole.layers);
  return part;
}

}  // namespace pilotfish
