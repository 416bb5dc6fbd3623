#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>

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
    {&ModelConfig::vocab_size, "vocab_size", "vocab_size", 1 << 24},
    {&ModelConfig::hidden_size, "hidden_size", "embedding_length", 1 << 20},
    {&ModelConfig::intermediate_size, "intermediate_size",
     "feed_forward_length", 1 << 22},
    {&ModelConfig::n_layers, "num_hidden_layers", "block_count", 1 << 12},
    {&ModelConfig::n_heads, "num_attention_heads", "attention.head_count",
     1 << 14},
    {&ModelConfig::n_kv_heads, "num_key_value_heads", "attention.head_count_kv",
     1 << 14},
    {&ModelConfig::head_dim, "head_dim", "attention.key_length", 1 << 12},
    {&ModelConfig::n_positions, "max_position_embeddings", "context_length",
     1 << 30},
    {&ModelConfig::rotary_dim, "partial_rotary_factor", "rope.dimension_count",
     1 << 12},
};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }
std::span<const ExtentField> extent_fields() { return kExtentFields; }

const ExtentField& extent_field(std::int64_t ModelConfig::*member) {
  const auto field =
      std::find_if(std::begin(kExtentFields), std::end(kExtentFields),
                   [&](const ExtentField& f) { return f.member == member; });
  assert(field != std::end(kExtentFields));
  return *field;
}

void check_config(const ModelConfig& config, Checkpoint::Kind kind,
                  std::string_view file) {
  const auto key = [&](std::int64_t ModelConfig::*member) {
    const ExtentField& field = extent_field(member);
    return kind == Checkpoint::Kind::kGguf ? field.gguf : field.hugging_face;
  };
  const auto fail = [&](std::int64_t ModelConfig::*member,
                        const std::string& expected) {
    throw Error(fmt::format("{}: {}: found {}, expected {}", file, key(member),
                            config.*member, expected));
  };
  for (const ExtentField& field : kExtentFields) {
    const std::int64_t value = config.*field.member;
    if (value < 1 || value > field.max) {
      fail(field.member, fmt::format("1 to {}", field.max));
    }
  }
  if (config.n_heads % config.n_kv_heads != 0) {
    fail(&ModelConfig::n_kv_heads,
         fmt::format("a divisor of {} ({})", key(&ModelConfig::n_heads),
                     config.n_heads));
  }
  if (config.head_dim % 2 != 0) {
    fail(&ModelConfig::head_dim, "an even number");
  }
  if (config.n_heads * config.head_dim > 1 << 22) {
    fail(&ModelConfig::head_dim,
         fmt::format("at most {} with {} heads", (1 << 22) / config.n_heads,
                     config.n_heads));
  }
  const bool dynamic = config.rope_scaling.kind == RopeScaling::Kind::kDynamic;
  const std::int64_t least = dynamic ? 4 : 2;
  if (config.rotary_dim % 2 != 0 || config.rotary_dim < least ||
      config.rotary_dim > config.head_dim) {
    fail(&ModelConfig::rotary_dim,
         fmt::format("an even number of turning elements, from {} to the {} of "
                     "a head",
                     least, config.head_dim));
  }
}

ModelConfig read_config(const Checkpoint& checkpoint) {
  if (checkpoint.kind() == Checkpoint::Kind::kGguf) {
    return config_from_gguf(checkpoint.metadata(), checkpoint.tensors());
  }
  return config_from_json(checkpoint.config(), checkpoint.generation_config(),
                          (checkpoint.path() / "config.json").string());
}

std::int64_t ModelConfig::parameters() const {
  const std::int64_t q_size = n_heads * head_dim;
  const std::int64_t kv_size = n_kv_heads * head_dim;
  std::int64_t layer = 2 * hidden_size;           // norms
  layer += 2 * hidden_size * (q_size + kv_size);  // q, o, k, v
  layer += 3 * hidden_size * intermediate_size;   // MLP
  if (attention_bias) layer += q_size + 2 * kv_size;
  if (attention_output_bias) layer += hidden_size;
  if (mlp_bias) layer += 2 * intermediate_size + hidden_size;
  if (qk_norm) layer += 2 * head_dim;
  const std::int64_t embeddings = tied_embeddings ? 1 : 2;
  return embeddings * vocab_size * hidden_size + n_layers * layer + hidden_size;
}

}  // namespace pilotfish
