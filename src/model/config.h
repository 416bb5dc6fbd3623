#ifndef PILOTFISH_SRC_MODEL_CONFIG_H_
#define PILOTFISH_SRC_MODEL_CONFIG_H_

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "formats/checkpoint.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// The configuration of a checkpoint of either kind, of its first `layers`; 0:
// all. All of it is checked: extents are positive and bounded, so that no count
// of elements or bytes made of them overflows, heads divide evenly, and nothing
// that changes the computation is passed over: no tensor of a type that is not
// read, and, where all layers are asked for, none of a layer that the
// configuration does not have. Throws Error with the file, the key, what was
// found and what was expected, UsageError for a number of layers out of range.
ModelConfig read_config(const Checkpoint& checkpoint, std::int64_t layers = 0);

// From config.json and generation_config.json (an empty object for none).
// `file` names the first in messages. What a key that is absent or null means
// is what transformers takes it to mean.
ModelConfig config_from_json(const nlohmann::json& config,
                             const nlohmann::json& generation,
                             std::string_view file);

// From GGUF metadata; the tensors say what the metadata does not: whether there
// are biases, q/k norms and an output projection. Without tensors (a file of
// vocabulary alone) the embedding's size is the vocabulary's.
ModelConfig config_from_gguf(const GgufMetadata& metadata,
                             std::span<const TensorView> tensors);

// The GGUF key, an array of integers, of all end tokens of a model that has
// more than the three that other readers have keys for. pilotfish's own.
inline constexpr std::string_view kGgufEndTokens = "pilotfish.eos_token_ids";

// What sets one architecture apart from another. Everything else is the same
// for the whole family.
struct Architecture {
  std::string_view name;                // ModelConfig::architecture
  std::string_view hugging_face_class;  // "LlamaForCausalLM"
  std::string_view gguf_name;           // empty: llama.cpp calls it "llama"

  enum class Bias { kNever, kAlways, kByKey };
  Bias qkv_bias;         // kByKey: attention_bias, on the output too
  bool mlp_bias_by_key;  // mlp_bias
  bool qk_norm;
  enum class Window { kNever, kByKey, kIfUsed };
  Window window;  // kIfUsed: needs use_sliding_window, from max_window_layers
  bool gguf_interleaved;  // how llama.cpp's converter orders query and key rows

  // Defaults of transformers.
  std::int64_t vocab_size;
  std::int64_t intermediate_size;
  std::int64_t n_kv_heads;  // 0: n_heads
  std::int64_t head_dim;    // 0: hidden_size / n_heads
  std::int64_t n_positions;
  Token bos;  // -1: none
  Token eos;
};

std::span<const Architecture> architectures();

// A layer that stands for all: in either format they may differ only in their
// windows and, in config.json, in the RoPE parameters of each type of layer.
// Requires: all layers are the same but for their windows.
const LayerConfig& common_layer(const ModelConfig& config);

// The extents of a model, one number each as the formats say them.
struct Extents {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t n_positions = 0;
  std::int64_t rotary_dim = 0;
};

// Of a model with this layer.
Extents extents_of(const ModelConfig& config, const LayerConfig& layer);
// Sets them in a model of equal layers that have nothing else yet.
void set_extents(const Extents& extents, ModelConfig& config,
                 LayerConfig& layer);

// One extent: where it goes, what either format calls it (in GGUF after the
// architecture's name and a dot) and its range.
struct ExtentField {
  std::int64_t Extents::*member;
  std::string_view hugging_face;
  std::string_view gguf;
  std::int64_t max;
};

// In the order of the members.
std::span<const ExtentField> extent_fields();
const ExtentField& extent_field(std::int64_t Extents::*member);

// The checks that need more than one field, and the ranges of those that were
// derived. `file` is for messages, which use the words of `kind`.
void check_config(const ModelConfig& config, Checkpoint::Kind kind,
                  std::string_view file);

}  // namespace pilotfish

#endif  // PILOTFISH_SRC_MODEL_CONFIG_H_
