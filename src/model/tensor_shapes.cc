#include "model/tensor_shapes.h"

#include <variant>

namespace pilotfish {
namespace {

struct RowsAndColumns {
  std::optional<std::int64_t> rows;
  std::int64_t columns;
};

RowsAndColumns vector_of(std::int64_t size) { return {std::nullopt, size}; }

std::optional<RowsAndColumns> only_if(bool present,
                                      const RowsAndColumns& extents) {
  return present ? std::optional(extents) : std::nullopt;
}

std::optional<RowsAndColumns> attention_extents(
    const AttentionConfig& attention, std::int64_t hidden, TensorRole role) {
  using enum TensorRole;
  switch (role) {
    case kQuery:
      return RowsAndColumns{attention.q_size(), hidden};
    case kQueryBias:
      return only_if(attention.bias, vector_of(attention.q_size()));
    case kKey:
    case kValue:
      return RowsAndColumns{attention.kv_size(), hidden};
    case kKeyBias:
    case kValueBias:
      return only_if(attention.bias, vector_of(attention.kv_size()));
    case kAttentionOutput:
      return RowsAndColumns{hidden, attention.q_size()};
    case kAttentionOutputBias:
      return only_if(attention.output_bias, vector_of(hidden));
    case kQueryNorm:
    case kKeyNorm:
      return only_if(attention.qk_norm, vector_of(attention.head_dim));
    default:
      return std::nullopt;
  }
}

std::optional<RowsAndColumns> ffn_extents(const DenseFfn& ffn,
                                          std::int64_t hidden,
                                          TensorRole role) {
  using enum TensorRole;
  switch (role) {
    case kFfnGate:
    case kFfnUp:
      return RowsAndColumns{ffn.intermediate_size, hidden};
    case kFfnDown:
      return RowsAndColumns{hidden, ffn.intermediate_size};
    case kFfnGateBias:
    case kFfnUpBias:
      return only_if(ffn.bias, vector_of(ffn.intermediate_size));
    case kFfnDownBias:
      return only_if(ffn.bias, vector_of(hidden));
    default:
      return std::nullopt;
  }
}

std::optional<RowsAndColumns> layer_extents(const LayerConfig& layer,
                                            std::int64_t hidden,
                                            TensorRole role) {
  if (role == TensorRole::kAttentionNorm || role == TensorRole::kFfnNorm) {
    return vector_of(hidden);
  }
  if (const auto found = attention_extents(layer.attention, hidden, role)) {
    return found;
  }
  return std::visit(
      [&](const auto& ffn) { return ffn_extents(ffn, hidden, role); },
      layer.ffn);
}

std::optional<RowsAndColumns> model_extents(const ModelConfig& config,
                                            TensorRole role) {
  const RowsAndColumns embedding = {config.vocab_size, config.hidden_size};
  switch (role) {
    case TensorRole::kTokenEmbedding:
      return embedding;
    case TensorRole::kOutput:
      return only_if(!config.tied_embeddings, embedding);
    case TensorRole::kOutputNorm:
      return vector_of(config.hidden_size);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::vector<std::int64_t> TensorShape::extents() const {
  if (!is_matrix()) return {columns};
  return {*rows, columns};
}

std::optional<TensorShape> tensor_shape(const ModelConfig& config,
                                        TensorRole role, int layer) {
  const auto extents =
      is_per_layer(role)
          ? layer_extents(config.layers[static_cast<size_t>(layer)],
                          config.hidden_size, role)
          : model_extents(config, role);
  if (!extents) return std::nullopt;
  return TensorShape{role, layer, extents->rows, extents->columns};
}

std::vector<TensorShape> tensor_shapes(const ModelConfig& config) {
  std::vector<TensorShape> shapes;
  const auto add_all = [&](bool per_layer, int layer) {
    for (int i = 0; i < kTensorRoleCount; ++i) {
      const auto role = static_cast<TensorRole>(i);
      if (is_per_layer(role) != per_layer) continue;
      if (const auto shape = tensor_shape(config, role, layer)) {
        shapes.push_back(*shape);
      }
    }
  };
  add_all(/*per_layer=*/false, 0);
  for (int layer = 0; layer < config.n_layers(); ++layer) {
    add_all(/*per_layer=*/true, layer);
  }
  return shapes;
}

std::int64_t ModelConfig::parameters() const {
  std::int64_t elements = 0;
  for (const TensorShape& shape : tensor_shapes(*this)) {
    elements += shape.elements();
  }
  return elements;
}

}  // namespace pilotfish
