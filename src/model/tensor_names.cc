#include "model/tensor_names.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <charconv>

namespace pilotfish {
namespace {

// "{}" stands for the layer.
struct Names {
  TensorRole role;
  std::string_view hugging_face;
  std::string_view gguf;

  std::string_view of(Checkpoint::Kind kind) const {
    return kind == Checkpoint::Kind::kGguf ? gguf : hugging_face;
  }
};

constexpr std::array<Names, kTensorRoleCount> kNames = {{
    {TensorRole::kTokenEmbedding, "model.embed_tokens.weight",
     "token_embd.weight"},
    {TensorRole::kOutputNorm, "model.norm.weight", "output_norm.weight"},
    {TensorRole::kOutput, "lm_head.weight", "output.weight"},
    {TensorRole::kRopeFrequencies, "", "rope_freqs.weight"},
    {TensorRole::kAttentionNorm, "model.layers.{}.input_layernorm.weight",
     "blk.{}.attn_norm.weight"},
    {TensorRole::kQuery, "model.layers.{}.self_attn.q_proj.weight",
     "blk.{}.attn_q.weight"},
    {TensorRole::kQueryBias, "model.layers.{}.self_attn.q_proj.bias",
     "blk.{}.attn_q.bias"},
    {TensorRole::kKey, "model.layers.{}.self_attn.k_proj.weight",
     "blk.{}.attn_k.weight"},
    {TensorRole::kKeyBias, "model.layers.{}.self_attn.k_proj.bias",
     "blk.{}.attn_k.bias"},
    {TensorRole::kValue, "model.layers.{}.self_attn.v_proj.weight",
     "blk.{}.attn_v.weight"},
    {TensorRole::kValueBias, "model.layers.{}.self_attn.v_proj.bias",
     "blk.{}.attn_v.bias"},
    {TensorRole::kAttentionOutput, "model.layers.{}.self_attn.o_proj.weight",
     "blk.{}.attn_output.weight"},
    {TensorRole::kAttentionOutputBias, "model.layers.{}.self_attn.o_proj.bias",
     "blk.{}.attn_output.bias"},
    {TensorRole::kQueryNorm, "model.layers.{}.self_attn.q_norm.weight",
     "blk.{}.attn_q_norm.weight"},
    {TensorRole::kKeyNorm, "model.layers.{}.self_attn.k_norm.weight",
     "blk.{}.attn_k_norm.weight"},
    {TensorRole::kFfnNorm, "model.layers.{}.post_attention_layernorm.weight",
     "blk.{}.ffn_norm.weight"},
    {TensorRole::kFfnGate, "model.layers.{}.mlp.gate_proj.weight",
     "blk.{}.ffn_gate.weight"},
    {TensorRole::kFfnGateBias, "model.layers.{}.mlp.gate_proj.bias",
     "blk.{}.ffn_gate.bias"},
    {TensorRole::kFfnUp, "model.layers.{}.mlp.up_proj.weight",
     "blk.{}.ffn_up.weight"},
    {TensorRole::kFfnUpBias, "model.layers.{}.mlp.up_proj.bias",
     "blk.{}.ffn_up.bias"},
    {TensorRole::kFfnDown, "model.layers.{}.mlp.down_proj.weight",
     "blk.{}.ffn_down.weight"},
    {TensorRole::kFfnDownBias, "model.layers.{}.mlp.down_proj.bias",
     "blk.{}.ffn_down.bias"},
}};

const Names& names_of(TensorRole role) {
  const Names& names = kNames[static_cast<size_t>(role)];
  assert(names.role == role);
  return names;
}

constexpr std::string_view kLayerMark = "{}";

// A layer's number as tensor_name writes it; nullopt for other texts.
std::optional<int> parse_layer(std::string_view digits) {
  int layer = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), layer);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      layer < 0 || (digits.size() > 1 && digits.front() == '0') ||
      digits.front() == '-') {
    return std::nullopt;
  }
  return layer;
}

// The layer that `name` has where `pattern` has its mark; nullopt where the two
// differ elsewhere.
std::optional<int> match_layer(std::string_view pattern,
                               std::string_view name) {
  const size_t mark = pattern.find(kLayerMark);
  const std::string_view before = pattern.substr(0, mark);
  const std::string_view after = pattern.substr(mark + kLayerMark.size());
  if (name.size() <= before.size() + after.size() ||
      !name.starts_with(before) || !name.ends_with(after)) {
    return std::nullopt;
  }
  return parse_layer(
      name.substr(before.size(), name.size() - before.size() - after.size()));
}

}  // namespace

bool is_per_layer(TensorRole role) {
  return names_of(role).gguf.find(kLayerMark) != std::string_view::npos;
}

std::string tensor_name(Checkpoint::Kind kind, TensorRole role, int layer) {
  return fmt::format(fmt::runtime(names_of(role).of(kind)), layer);
}

std::optional<TensorPlace> find_tensor_place(Checkpoint::Kind kind,
                                             std::string_view name) {
  for (const Names& names : kNames) {
    const std::string_view pattern = names.of(kind);
    if (pattern.empty()) continue;
    if (!is_per_layer(names.role)) {
      if (pattern == name) return TensorPlace{names.role, 0};
    } else if (const auto layer = match_layer(pattern, name)) {
      return TensorPlace{names.role, *layer};
    }
  }
  return std::nullopt;
}

std::optional<int> layer_of_tensor(Checkpoint::Kind kind,
                                   std::string_view name) {
  const std::string_view before =
      kind == Checkpoint::Kind::kGguf ? "blk." : "model.layers.";
  if (!name.starts_with(before)) return std::nullopt;
  const std::string_view rest = name.substr(before.size());
  const size_t dot = rest.find('.');
  if (dot == 0 || dot == std::string_view::npos) return std::nullopt;
  return parse_layer(rest.substr(0, dot));
}

}  // namespace pilotfish
