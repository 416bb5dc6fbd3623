#ifndef PILOTFISH_MODEL_CONFIG_H_
#define PILOTFISH_MODEL_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// How rotary position embeddings are stretched beyond the context a model was
// trained on.
struct RopeScaling {
  enum class Kind {
    kNone,
    kLinear,   // positions divided by `factor`
    kDynamic,  // NTK-aware: the base grows with n_positions (a fixed length, so
               // that a row never depends on what follows it)
    kYarn,     // Peng et al. 2023, arXiv 2309.00071
    kLlama3,   // Llama 3.1: low frequencies divided, high ones kept
  };
  Kind kind = Kind::kNone;
  double factor = 1;
  std::int64_t original_positions = 0;
  double low_frequency_factor = 1;   // llama3
  double high_frequency_factor = 4;  // llama3
  double beta_fast = 32;             // yarn
  double beta_slow = 1;              // yarn
  bool truncate = true;         // yarn: ramp ends rounded to whole frequencies
  double attention_factor = 0;  // yarn; 0: 0.1 ln(factor) + 1

  bool operator==(const RopeScaling&) const = default;
};

// Rotary position embeddings.
struct RopeConfig {
  double theta = 10000;
  std::int64_t rotary_dim = 0;  // elements of a head that are rotated
  RopeScaling scaling;
  bool interleaved = false;  // pairs (2i, 2i + 1) are rotated together

  bool operator==(const RopeConfig&) const = default;
};

struct AttentionConfig {
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  // How many positions a row sees, its own and those before it; 0: all.
  std::int64_t sliding_window = 0;
  RopeConfig rope;
  bool bias = false;  // on q, k and v
  bool output_bias = false;
  bool qk_norm = false;  // RMS norm of each query and key head (Qwen3)

  bool operator==(const AttentionConfig&) const = default;

  std::int64_t q_size() const { return n_heads * head_dim; }
  std::int64_t kv_size() const { return n_kv_heads * head_dim; }
  // Of `context` positions, how many the row at their end sees.
  std::int64_t seen(std::int64_t context) const {
    return sliding_window > 0 && sliding_window < context ? sliding_window
                                                          : context;
  }
};

// down(silu(gate(x)) * up(x)), of every row.
struct DenseFfn {
  std::int64_t intermediate_size = 0;
  bool bias = false;  // on all three

  bool operator==(const DenseFfn&) const = default;
};

// The kinds of feed-forward network that a layer can have.
using FfnConfig = std::variant<DenseFfn>;

struct LayerConfig {
  AttentionConfig attention;
  FfnConfig ffn;
  double rms_epsilon = 1e-5;  // of its norms

  bool operator==(const LayerConfig&) const = default;
};

// The shape of a Llama-family model; what config.json or GGUF metadata says.
struct ModelConfig {
  std::string architecture;     // "llama", "mistral", "qwen2", "qwen3"
  std::int64_t vocab_size = 0;  // rows of the embedding, padding included
  std::int64_t hidden_size = 0;
  std::int64_t n_positions = 0;     // the context the model was made for
  std::vector<LayerConfig> layers;  // see set_layers
  double rms_epsilon = 1e-5;        // of the norm behind the last layer
  bool tied_embeddings = false;     // the output projection is the embedding
  Token bos = -1;                   // -1: none
  std::vector<Token> eos;           // any of them ends a text

  std::int64_t n_layers() const {
    return static_cast<std::int64_t>(layers.size());
  }
  // Makes them `count` equal ones.
  void set_layers(std::int64_t count, const LayerConfig& layer) {
    layers.assign(static_cast<size_t>(count), layer);
  }
  // Forgets all but the first. Requires: there are as many.
  void keep_layers(std::int64_t count) {
    layers.resize(static_cast<size_t>(count));
  }
  std::int64_t sliding_window() const;  // the longest of any layer; 0: none
  std::int64_t parameters() const;      // of the whole model, tied weights once
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_CONFIG_H_
