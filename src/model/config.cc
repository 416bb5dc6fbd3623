#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>
#include <variant>

#include "formats/in_quotes.h"
#include "model/tensor_names.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using enum Architecture::Bias;
using Window = Architecture::Window;

// Defaults: configuration_{llama,mistral,qwen2,qwen3}.py of transformers.
constexpr Architecture kArchitectures[] = {
    {.name = "llama",
     .hugging_face_class = "LlamaForCausalLM",
     .gguf_name = "llama",
     .qkv_bias = kByKey,
     .mlp_bias_by_key = true,
     .qk_norm = false,
     .window = Window::kNever,
     .gguf_interleaved = true,
     .vocab_size = 32000,
     .intermediate_size = 11008,
     .n_kv_heads = 0,
     .head_dim = 0,
     .n_positions = 2048,
     .bos = 1,
     .eos = 2},
    {.name = "mistral",
     .hugging_face_class = "MistralForCausalLM",
     .gguf_name = "",
     .qkv_bias = kNever,
     .mlp_bias_by_key = false,
     .qk_norm = false,
     .window = Window::kByKey,
     .gguf_interleaved = true,
     .vocab_size = 32000,
     .intermediate_size = 14336,
     .n_kv_heads = 8,
     .head_dim = 0,
     .n_positions = 4096 * 32,
     .bos = 1,
     .eos = 2},
    {.name = "qwen2",
     .hugging_face_class = "Qwen2ForCausalLM",
     .gguf_name = "qwen2",
     .qkv_bias = kAlways,
     .mlp_bias_by_key = false,
     .qk_norm = false,
     .window = Window::kIfUsed,
     .gguf_interleaved = false,
     .vocab_size = 151936,
     .intermediate_size = 22016,
     .n_kv_heads = 32,
     .head_dim = 0,
     .n_positions = 32768,
     .bos = -1,
     .eos = -1},
    {.name = "qwen3",
     .hugging_face_class = "Qwen3ForCausalLM",
     .gguf_name = "qwen3",
     .qkv_bias = kByKey,
     .mlp_bias_by_key = false,
     .qk_norm = true,
     .window = Window::kIfUsed,
     .gguf_interleaved = false,
     .vocab_size = 151936,
     .intermediate_size = 22016,
     .n_kv_heads = 32,
     .head_dim = 128,
     .n_positions = 32768,
     .bos = -1,
     .eos = -1},
};

// Wide enough for any model to come, and small enough that the elements of a
// whole model fit 63 bits.
constexpr ExtentField kExtentFields[] = {
    {&Extents::vocab_size, "vocab_size", "vocab_size", 1 << 24},
    {&Extents::hidden_size, "hidden_size", "embedding_length", 1 << 20},
    {&Extents::intermediate_size, "intermediate_size", "feed_forward_length",
     1 << 22},
    {&Extents::n_layers, "num_hidden_layers", "block_count", 1 << 12},
    {&Extents::n_heads, "num_attention_heads", "attention.head_count", 1 << 14},
    {&Extents::n_kv_heads, "num_key_value_heads", "attention.head_count_kv",
     1 << 14},
    {&Extents::head_dim, "head_dim", "attention.key_length", 1 << 12},
    {&Extents::n_positions, "max_position_embeddings", "context_length",
     1 << 30},
    {&Extents::rotary_dim, "partial_rotary_factor", "rope.dimension_count",
     1 << 12},
};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }
std::span<const ExtentField> extent_fields() { return kExtentFields; }

const ExtentField& extent_field(std::int64_t Extents::*member) {
  const auto field =
      std::find_if(std::begin(kExtentFields), std::end(kExtentFields),
                   [&](const ExtentField& f) { return f.member == member; });
  assert(field != std::end(kExtentFields));
  return *field;
}

const LayerConfig& common_layer(const ModelConfig& config) {
  assert(!config.layers.empty());
  assert(std::all_of(
      config.layers.begin(), config.layers.end(), [&](LayerConfig layer) {
        const LayerConfig& first = config.layers.front();
        layer.attention.sliding_window = first.attention.sliding_window;
        return layer == first;
      }));
  return config.layers.front();
}

Extents extents_of(const ModelConfig& config, const LayerConfig& layer) {
  const AttentionConfig& attention = layer.attention;
  return {.vocab_size = config.vocab_size,
          .hidden_size = config.hidden_size,
          .intermediate_size = std::get<DenseFfn>(layer.ffn).intermediate_size,
          .n_layers = config.n_layers(),
          .n_heads = attention.n_heads,
          .n_kv_heads = attention.n_kv_heads,
          .head_dim = attention.head_dim,
          .n_positions = config.n_positions,
          .rotary_dim = attention.rope.rotary_dim};
}

void set_extents(const Extents& extents, ModelConfig& config,
                 LayerConfig& layer) {
  config.vocab_size = extents.vocab_size;
  config.hidden_size = extents.hidden_size;
  config.n_positions = extents.n_positions;
  layer.ffn = DenseFfn{.intermediate_size = extents.intermediate_size};
  layer.attention.n_heads = extents.n_heads;
  layer.attention.n_kv_heads = extents.n_kv_heads;
  layer.attention.head_dim = extents.head_dim;
  layer.attention.rope.rotary_dim = extents.rotary_dim;
}

namespace {

void check_layer(const ModelConfig& config, const LayerConfig& layer,
                 Checkpoint::Kind kind, std::string_view file) {
  const Extents extents = extents_of(config, layer);
  const auto key = [&](std::int64_t Extents::*member) {
    const ExtentField& field = extent_field(member);
    return kind == Checkpoint::Kind::kGguf ? field.gguf : field.hugging_face;
  };
  const auto fail = [&](std::int64_t Extents::*member,
                        const std::string& expected) {
    throw Error(fmt::format("{}: {}: found {}, expected {}", file, key(member),
                            extents.*member, expected));
  };
  for (const ExtentField& field : kExtentFields) {
    const std::int64_t value = extents.*field.member;
    if (value < 1 || value > field.max) {
      fail(field.member, fmt::format("1 to {}", field.max));
    }
  }
  if (extents.n_heads % extents.n_kv_heads != 0) {
    fail(&Extents::n_kv_heads,
         fmt::format("a divisor of {} ({})", key(&Extents::n_heads),
                     extents.n_heads));
  }
  if (extents.head_dim % 2 != 0) fail(&Extents::head_dim, "an even number");
  constexpr std::int64_t kMaxQuerySize = 1 << 22;
  if (layer.attention.q_size() > kMaxQuerySize) {
    fail(&Extents::head_dim,
         fmt::format("at most {} with {} heads",
                     kMaxQuerySize / extents.n_heads, extents.n_heads));
  }
  const bool dynamic =
      layer.attention.rope.scaling.kind == RopeScaling::Kind::kDynamic;
  const std::int64_t least = dynamic ? 4 : 2;
  if (extents.rotary_dim % 2 != 0 || extents.rotary_dim < least ||
      extents.rotary_dim > extents.head_dim) {
    fail(&Extents::rotary_dim,
         fmt::format(
             "an even number of rotated elements, from {} to the {} of a head",
             least, extents.head_dim));
  }
}

}  // namespace

void check_config(const ModelConfig& config, Checkpoint::Kind kind,
                  std::string_view file) {
  if (config.layers.empty()) check_layer(config, {}, kind, file);
  const LayerConfig* checked = nullptr;
  for (const LayerConfig& layer : config.layers) {
    if (checked != nullptr && layer == *checked) continue;
    check_layer(config, layer, kind, file);
    checked = &layer;
  }
}

namespace {

ModelConfig read_description(const Checkpoint& checkpoint) {
  if (checkpoint.kind() == Checkpoint::Kind::kGguf) {
    return config_from_gguf(checkpoint.metadata(), checkpoint.tensors());
  }
  return config_from_json(checkpoint.config(), checkpoint.generation_config(),
                          (checkpoint.path() / "config.json").string());
}

// A layer left out without a word would leave a model that talks nonsense.
void check_no_more_layers(const Checkpoint& checkpoint,
                          const ModelConfig& config) {
  const auto check = [&](const std::string& name) {
    const auto layer = layer_of_tensor(checkpoint.kind(), name);
    if (!layer || *layer < config.n_layers()) return;
    const ExtentField& field = extent_field(&Extents::n_layers);
    throw Error(fmt::format(
        "{}: tensor {}: {} is {}, so there should be no layer {}; where the "
        "first {} layers are wanted as a truncated model, ask with --n-layers "
        "{} (a draft: --draft-layers {})",
        checkpoint.path().string(), in_quotes(name),
        checkpoint.kind() == Checkpoint::Kind::kGguf ? field.gguf
                                                     : field.hugging_face,
        config.n_layers(), *layer, config.n_layers(), config.n_layers(),
        config.n_layers()));
  };
  for (const TensorView& tensor : checkpoint.tensors()) check(tensor.name);
  for (const auto& [name, reason] : checkpoint.unreadable()) check(name);
}

// A tensor that is not read must not pass as one that the model does not have.
void check_all_readable(const Checkpoint& checkpoint,
                        const ModelConfig& config) {
  const bool is_gguf = checkpoint.kind() == Checkpoint::Kind::kGguf;
  for (const auto& [name, reason] : checkpoint.unreadable()) {
    const auto place = find_tensor_place(checkpoint.kind(), name);
    if (!place || place->layer >= config.n_layers()) continue;
    // Beside tied embeddings, which config.json tells and GGUF does not, the
    // output is not used.
    const bool unused = place->role == TensorRole::kOutput && !is_gguf &&
                        config.tied_embeddings;
    if (!unused) throw Error(reason);
  }
}

}  // namespace

ModelConfig read_config(const Checkpoint& checkpoint, std::int64_t layers) {
  ModelConfig config = read_description(checkpoint);
  if (layers < 0 || layers > config.n_layers()) {
    throw UsageError(fmt::format("layers {}: must lie between 0 (all) and {}",
                                 layers, config.n_layers()));
  }
  if (layers == 0) {
    check_no_more_layers(checkpoint, config);
  } else {
    config.keep_layers(layers);
  }
  check_all_readable(checkpoint, config);
  return config;
}

std::int64_t ModelConfig::sliding_window() const {
  std::int64_t longest = 0;
  for (const LayerConfig& layer : layers) {
    longest = std::max(longest, layer.attention.sliding_window);
  }
  return longest;
}

}  // namespace pilotfish
