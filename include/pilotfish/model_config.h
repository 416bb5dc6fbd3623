#ifndef PILOTFISH_MODEL_CONFIG_H_
#define PILOTFISH_MODEL_CONFIG_H_

#include <cstdint>
#include <string>
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
};

// The shape of a Llama-family model; what config.json or GGUF metadata says.
struct ModelConfig {
  std::string architecture;     // "llama", "mistral", "qwen2", "qwen3"
  std::int64_t vocab_size = 0;  // rows of the embedding, padding included
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t n_positions = 0;     // the context the model was made for
  std::int64_t sliding_window = 0;  // 0: every position is seen
  std::int64_t sliding_window_from_layer = 0;  // earlier layers see everything
  double rms_epsilon = 1e-5;
  double rope_theta = 10000;
  std::int64_t rotary_dim = 0;  // elements of a head that turn
  RopeScaling rope_scaling;
  bool rope_interleaved = false;  // pairs (2i, 2i + 1) turn together
  bool tied_embeddings = false;   // the output projection is the embedding
  bool attention_bias = false;    // on q, k and v
  bool attention_output_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;    // RMS norm of each query and key head (Qwen3)
  Token bos = -1;          // -1: none
  std::vector<Token> eos;  // any of them ends a text

  std::int64_t parameters() const;  // of the whole model, tied weights once
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_CONFIG_H_
