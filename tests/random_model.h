#ifndef PILOTFISH_TESTS_RANDOM_MODEL_H_
#define PILOTFISH_TESTS_RANDOM_MODEL_H_

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "formats/gguf_writer.h"
#include "formats/safetensors_writer.h"
#include "model/tensor_names.h"
#include "tensor/quantise.h"

// Small models with random weights, written to disk as a user would have them.
namespace pilotfish::test {

struct RandomModelOptions {
  std::string architecture = "llama";  // "mistral", "qwen2", "qwen3"
  std::int64_t vocab_size = 128;
  std::int64_t hidden_size = 64;
  std::int64_t intermediate_size = 96;
  std::int64_t n_layers = 2;
  std::int64_t n_heads = 4;
  std::int64_t n_kv_heads = 2;
  std::int64_t head_dim = 16;
  std::int64_t n_positions = 512;
  std::int64_t sliding_window = 0;  // mistral; qwen2 and qwen3 from layer 1 on
  bool tied_embeddings = false;
  bool attention_bias = false;  // llama, qwen3; qwen2 always has them
  bool mlp_bias = false;        // llama
  std::string rope_scaling_json = "null";
  int bos = 1;
  std::vector<int> eos = {2};

  DType dtype = DType::kF32;  // of matrices; norms and biases are f32 in GGUF
  std::uint64_t seed = 1;
  // Standard deviation of the logits: how sure of itself the model is.
  double logit_scale = 2;
  // Adds noise of this size, relative to the weights: a model of the same seed
  // with 0.1 makes a fair draft for one with 0. Plain dtypes alone.
  double perturbation = 0;
};

namespace random_model_internal {

// [-sqrt(3), sqrt(3)), so of variance 1; the same on every standard library.
inline double unit_uniform(std::mt19937_64& random) {
  return (static_cast<double>(random() >> 11) * 0x1p-52 - 1) * std::sqrt(3.0);
}

// Where a quantised block has its binary16 factors, and the standard deviation
// of its values when those are 1 and all other bits random. `offset_ratio`
// times the first factor, as the second, centres the values of the formats that
// have an offset.
struct BlockFactors {
  DType dtype;
  int factor_at;
  int offset_at;  // -1: none
  double offset_ratio;
  double deviation;
};

inline constexpr BlockFactors kBlockFactors[] = {
    {DType::kQ8_0, 0, -1, 0, 74},     {DType::kQ4_0, 0, -1, 0, 4.6},
    {DType::kQ4_1, 0, 2, -7.5, 4.6},  {DType::kQ5_0, 0, -1, 0, 9.2},
    {DType::kQ5_1, 0, 2, -15.5, 9.2}, {DType::kQ2_K, 80, 82, 1.5, 17},
    {DType::kQ3_K, 108, -1, 0, 42},   {DType::kQ4_K, 0, 2, 7.5, 250},
    {DType::kQ5_K, 0, 2, 15.5, 500},  {DType::kQ6_K, 208, -1, 0, 1370},
    {DType::kIQ4_NL, 0, -1, 0, 70},   {DType::kIQ4_XS, 0, -1, 0, 1300},
};

inline std::vector<std::byte> random_blocks(DType dtype, std::int64_t elements,
                                            double deviation,
                                            std::mt19937_64& random) {
  const BlockShape shape = block_shape(dtype);
  std::vector<std::byte> bytes(
      static_cast<size_t>(elements / shape.elements * shape.bytes));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (const BlockFactors& factors : kBlockFactors) {
    if (factors.dtype != dtype) continue;
    for (size_t at = 0; at < bytes.size();
         at += static_cast<size_t>(shape.bytes)) {
      const double factor =
          deviation / factors.deviation * (1 + 0.2 * unit_uniform(random));
      const auto put = [&](int offset, double value) {
        const std::uint16_t bits = float_to_f16(static_cast<float>(value));
        std::memcpy(bytes.data() + at + offset, &bits, sizeof(bits));
      };
      put(factors.factor_at, factor);
      if (factors.offset_at >= 0) {
        put(factors.offset_at, factor * factors.offset_ratio);
      }
    }
  }
  return bytes;
}

struct RandomTensor {
  TensorSpec spec;
  double mean = 0;
  double deviation = 0;

  std::vector<std::byte> data(const RandomModelOptions& options,
                              std::uint64_t index) const {
    std::mt19937_64 random(options.seed * 1000003 + index);
    std::mt19937_64 noise(options.seed * 1000003 + index + 500000);
    std::int64_t elements = 1;
    for (const std::int64_t extent : spec.shape) elements *= extent;
    if (is_quantised(spec.dtype)) {
      return random_blocks(spec.dtype, elements, deviation, random);
    }
    std::vector<float> values(static_cast<size_t>(elements));
    for (float& value : values) {
      const double x = unit_uniform(random);
      const double y = options.perturbation * unit_uniform(noise);
      value = static_cast<float>(mean + deviation * (x + y));
    }
    std::vector<std::byte> bytes(static_cast<size_t>(spec.bytes()));
    quantise_row(spec.dtype, values.data(), bytes.data(), elements);
    return bytes;
  }
};

inline std::vector<RandomTensor> random_tensors(const RandomModelOptions& o,
                                                Checkpoint::Kind kind) {
  std::vector<RandomTensor> tensors;
  int layer = 0;
  const auto deviation_of = [](std::int64_t columns) {
    return 1 / std::sqrt(static_cast<double>(columns));
  };
  const auto add_matrix = [&](TensorRole role, std::int64_t rows,
                              std::int64_t columns, double deviation) {
    tensors.push_back(
        {{tensor_name(kind, role, layer), o.dtype, {rows, columns}},
         0,
         deviation});
  };
  const auto add_vector = [&](TensorRole role, std::int64_t size, double mean,
                              double deviation) {
    const bool gguf = kind == Checkpoint::Kind::kGguf;
    tensors.push_back(
        {{tensor_name(kind, role, layer), gguf ? DType::kF32 : o.dtype, {size}},
         mean,
         deviation});
  };
  const auto add_linear = [&](TensorRole role, std::int64_t rows,
                              std::int64_t columns) {
    add_matrix(role, rows, columns, deviation_of(columns));
  };
  using enum TensorRole;
  const double output_deviation = o.logit_scale * deviation_of(o.hidden_size);
  add_matrix(kTokenEmbedding, o.vocab_size, o.hidden_size,
             o.tied_embeddings ? output_deviation : 1);
  add_vector(kOutputNorm, o.hidden_size, 1, 0.1);
  if (!o.tied_embeddings) {
    add_matrix(kOutput, o.vocab_size, o.hidden_size, output_deviation);
  }
  const std::int64_t q_size = o.n_heads * o.head_dim;
  const std::int64_t kv_size = o.n_kv_heads * o.head_dim;
  const bool qwen2 = o.architecture == "qwen2";
  for (; layer < o.n_layers; ++layer) {
    add_vector(kAttentionNorm, o.hidden_size, 1, 0.1);
    add_linear(kQuery, q_size, o.hidden_size);
    add_linear(kKey, kv_size, o.hidden_size);
    add_linear(kValue, kv_size, o.hidden_size);
    add_linear(kAttentionOutput, o.hidden_size, q_size);
    if (o.attention_bias || qwen2) {
      add_vector(kQueryBias, q_size, 0, 0.3);
      add_vector(kKeyBias, kv_size, 0, 0.3);
      add_vector(kValueBias, kv_size, 0, 0.3);
    }
    if (o.attention_bias && !qwen2) {
      add_vector(kAttentionOutputBias, o.hidden_size, 0, 0.3);
    }
    if (o.architecture == "qwen3") {
      add_vector(kQueryNorm, o.head_dim, 1, 0.1);
      add_vector(kKeyNorm, o.head_dim, 1, 0.1);
    }
    add_vector(kFfnNorm, o.hidden_size, 1, 0.1);
    add_linear(kFfnGate, o.intermediate_size, o.hidden_size);
    add_linear(kFfnUp, o.intermediate_size, o.hidden_size);
    add_linear(kFfnDown, o.hidden_size, o.intermediate_size);
    if (o.mlp_bias) {
      add_vector(kFfnGateBias, o.intermediate_size, 0, 0.3);
      add_vector(kFfnUpBias, o.intermediate_size, 0, 0.3);
      add_vector(kFfnDownBias, o.hidden_size, 0, 0.3);
    }
  }
  return tensors;
}

inline std::vector<TensorSpec> specs(const std::vector<RandomTensor>& tensors) {
  std::vector<TensorSpec> result;
  for (const RandomTensor& tensor : tensors) result.push_back(tensor.spec);
  return result;
}

inline void write_tensors(TensorFileWriter& writer,
                          const std::vector<RandomTensor>& tensors,
                          const RandomModelOptions& options) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    writer.write(tensors[i].data(options, i));
  }
}

}  // namespace random_model_internal

// config.json of write_random_model.
inline nlohmann::json random_model_config(const RandomModelOptions& o) {
  const std::string classes[][2] = {{"llama", "LlamaForCausalLM"},
                                    {"mistral", "MistralForCausalLM"},
                                    {"qwen2", "Qwen2ForCausalLM"},
                                    {"qwen3", "Qwen3ForCausalLM"}};
  nlohmann::json config = {
      {"model_type", o.architecture},
      {"vocab_size", o.vocab_size},
      {"hidden_size", o.hidden_size},
      {"intermediate_size", o.intermediate_size},
      {"num_hidden_layers", o.n_layers},
      {"num_attention_heads", o.n_heads},
      {"num_key_value_heads", o.n_kv_heads},
      {"head_dim", o.head_dim},
      {"max_position_embeddings", o.n_positions},
      {"tie_word_embeddings", o.tied_embeddings},
      {"attention_bias", o.attention_bias},
      {"mlp_bias", o.mlp_bias},
      {"rope_scaling", nlohmann::json::parse(o.rope_scaling_json)},
      {"rms_norm_eps", 1e-5},
      {"bos_token_id", o.bos},
      {"eos_token_id", o.eos},
      {"sliding_window", nullptr},
  };
  for (const auto& [name, hugging_face_class] : classes) {
    if (name == o.architecture) {
      config["architectures"] = {hugging_face_class};
    }
  }
  if (o.sliding_window > 0) {
    config["sliding_window"] = o.sliding_window;
    config["use_sliding_window"] = true;
    config["max_window_layers"] = 1;
  }
  return config;
}

// A Hugging Face folder: config.json and model.safetensors, without a
// tokenizer. Dtypes f32, f16 and bf16.
inline void write_random_model(const std::filesystem::path& folder,
                               const RandomModelOptions& options = {}) {
  using namespace random_model_internal;
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << random_model_config(options).dump(2);
  const auto tensors = random_tensors(options, Checkpoint::Kind::kHuggingFace);
  TensorFileWriter writer =
      write_safetensors(folder / "model.safetensors", specs(tensors));
  write_tensors(writer, tensors, options);
  writer.finish();
}

// A GGUF file without a tokenizer, of any dtype; architectures llama, qwen2 and
// qwen3. `rope_divisors`, if any, become rope_freqs.weight; `edit` may set
// further keys.
inline void write_random_gguf(
    const std::filesystem::path& path, const RandomModelOptions& o = {},
    const std::vector<float>& rope_divisors = {},
    const std::function<void(GgufHeader&)>& edit = {}) {
  using namespace random_model_internal;
  GgufHeader header;
  header.set_string("general.architecture", o.architecture);
  const auto set = [&](const std::string& key, std::int64_t value) {
    header.set_u32(o.architecture + "." + key,
                   static_cast<std::uint32_t>(value));
  };
  set("context_length", o.n_positions);
  set("embedding_length", o.hidden_size);
  set("feed_forward_length", o.intermediate_size);
  set("block_count", o.n_layers);
  set("attention.head_count", o.n_heads);
  set("attention.head_count_kv", o.n_kv_heads);
  set("attention.key_length", o.head_dim);
  set("attention.value_length", o.head_dim);
  header.set_f32(o.architecture + ".attention.layer_norm_rms_epsilon", 1e-5f);
  header.set_u32("tokenizer.ggml.bos_token_id",
                 static_cast<std::uint32_t>(o.bos));
  if (!o.eos.empty()) {
    header.set_u32("tokenizer.ggml.eos_token_id",
                   static_cast<std::uint32_t>(o.eos.front()));
  }
  if (edit) edit(header);

  auto tensors = random_tensors(o, Checkpoint::Kind::kGguf);
  auto all_specs = specs(tensors);
  if (!rope_divisors.empty()) {
    all_specs.push_back(
        {tensor_name(Checkpoint::Kind::kGguf, TensorRole::kRopeFrequencies),
         DType::kF32,
         {static_cast<std::int64_t>(rope_divisors.size())}});
  }
  TensorFileWriter writer = write_gguf(path, header, all_specs);
  write_tensors(writer, tensors, o);
  if (!rope_divisors.empty()) {
    writer.write(std::as_bytes(std::span(rope_divisors)));
  }
  writer.finish();
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_RANDOM_MODEL_H_
