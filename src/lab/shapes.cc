#include "pilotfish/lab/shapes.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "tensor/dtype.h"

namespace pilotfish {
namespace {

// What the models of a family have in common, taken from their config.json
// files.
ModelConfig llama_2() {
  ModelConfig config;
  config.architecture = "llama";
  config.vocab_size = 32000;
  config.n_positions = 4096;
  config.bos = 1;
  config.eos = {2};
  return config;
}

ModelConfig llama_1_small() {  // TinyLlama and the drafts of SpecInfer
  ModelConfig config = llama_2();
  config.n_positions = 2048;
  return config;
}

ModelConfig stories(std::int64_t n_positions) {  // Karpathy's tinyllamas
  ModelConfig config = llama_2();
  config.n_positions = n_positions;
  config.tied_embeddings = true;
  return config;
}

ModelConfig stories_260k() {
  ModelConfig config = stories(512);
  config.vocab_size = 512;
  return config;
}

ModelConfig llama_3() {
  ModelConfig config;
  config.architecture = "llama";
  config.vocab_size = 128256;
  config.n_positions = 8192;
  config.rope_theta = 500000;
  config.bos = 128000;
  config.eos = {128001, 128009};
  return config;
}

ModelConfig llama_3_1(double factor = 8) {
  ModelConfig config = llama_3();
  config.n_positions = 131072;
  config.rope_scaling = {.kind = RopeScaling::Kind::kLlama3,
                         .factor = factor,
                         .original_positions = 8192,
                         .low_frequency_factor = 1,
                         .high_frequency_factor = 4};
  return config;
}

ModelConfig llama_3_2() {
  ModelConfig config = llama_3_1(32);
  config.tied_embeddings = true;
  return config;
}

ModelConfig mistral_0_1() {
  ModelConfig config = llama_2();
  config.architecture = "mistral";
  config.n_positions = 32768;
  config.sliding_window = 4096;
  return config;
}

ModelConfig mistral_0_3() {
  ModelConfig config = mistral_0_1();
  config.vocab_size = 32768;
  config.sliding_window = 0;
  config.rope_theta = 1e6;
  return config;
}

ModelConfig qwen_2_5() {
  ModelConfig config;
  config.architecture = "qwen2";
  config.vocab_size = 152064;
  config.n_positions = 32768;
  config.rms_epsilon = 1e-6;
  config.rope_theta = 1e6;
  config.attention_bias = true;
  config.eos = {151645, 151643};
  return config;
}

ModelConfig qwen_2_5_small() {
  ModelConfig config = qwen_2_5();
  config.vocab_size = 151936;
  config.tied_embeddings = true;
  return config;
}

ModelConfig qwen_3() {
  ModelConfig config = qwen_2_5();
  config.architecture = "qwen3";
  config.vocab_size = 151936;
  config.n_positions = 40960;
  config.attention_bias = false;
  config.qk_norm = true;
  return config;
}

ModelConfig qwen_3_small() {
  ModelConfig config = qwen_3();
  config.tied_embeddings = true;
  return config;
}

struct Extents {
  std::int64_t hidden_size;
  std::int64_t intermediate_size;
  std::int64_t n_layers;
  std::int64_t n_heads;
  std::int64_t n_kv_heads;
  std::int64_t head_dim;
};

Shape shape(const char* name, ModelConfig config, const Extents& extents) {
  config.hidden_size = extents.hidden_size;
  config.intermediate_size = extents.intermediate_size;
  config.n_layers = extents.n_layers;
  config.n_heads = extents.n_heads;
  config.n_kv_heads = extents.n_kv_heads;
  config.head_dim = extents.head_dim;
  config.rotary_dim = extents.head_dim;
  return {name, std::move(config)};
}

const std::vector<Shape>& table() {
  static const std::vector<Shape> kShapes = {
      shape("stories-260k", stories_260k(), {64, 172, 5, 8, 4, 8}),
      shape("stories-15m", stories(256), {288, 768, 6, 6, 6, 48}),
      shape("stories-42m", stories(1024), {512, 1376, 8, 8, 8, 64}),
      shape("stories-110m", stories(1024), {768, 2048, 12, 12, 12, 64}),
      shape("llama-68m", llama_1_small(), {768, 3072, 2, 12, 12, 64}),
      shape("llama-160m", llama_1_small(), {768, 3072, 12, 12, 12, 64}),
      shape("tinyllama-1.1b", llama_1_small(), {2048, 5632, 22, 32, 4, 64}),
      shape("llama-2-7b", llama_2(), {4096, 11008, 32, 32, 32, 128}),
      shape("llama-2-13b", llama_2(), {5120, 13824, 40, 40, 40, 128}),
      shape("llama-2-70b", llama_2(), {8192, 28672, 80, 64, 8, 128}),
      shape("llama-3-8b", llama_3(), {4096, 14336, 32, 32, 8, 128}),
      shape("llama-3-70b", llama_3(), {8192, 28672, 80, 64, 8, 128}),
      shape("llama-3.1-8b", llama_3_1(), {4096, 14336, 32, 32, 8, 128}),
      shape("llama-3.1-70b", llama_3_1(), {8192, 28672, 80, 64, 8, 128}),
      shape("llama-3.1-405b", llama_3_1(), {16384, 53248, 126, 128, 8, 128}),
      shape("llama-3.2-1b", llama_3_2(), {2048, 8192, 16, 32, 8, 64}),
      shape("llama-3.2-3b", llama_3_2(), {3072, 8192, 28, 24, 8, 128}),
      shape("llama-3.3-70b", llama_3_1(), {8192, 28672, 80, 64, 8, 128}),
      shape("mistral-7b-v0.1", mistral_0_1(), {4096, 14336, 32, 32, 8, 128}),
      shape("mistral-7b-v0.3", mistral_0_3(), {4096, 14336, 32, 32, 8, 128}),
      shape("qwen2.5-0.5b", qwen_2_5_small(), {896, 4864, 24, 14, 2, 64}),
      shape("qwen2.5-1.5b", qwen_2_5_small(), {1536, 8960, 28, 12, 2, 128}),
      shape("qwen2.5-3b", qwen_2_5_small(), {2048, 11008, 36, 16, 2, 128}),
      shape("qwen2.5-7b", qwen_2_5(), {3584, 18944, 28, 28, 4, 128}),
      shape("qwen2.5-14b", qwen_2_5(), {5120, 13824, 48, 40, 8, 128}),
      shape("qwen2.5-32b", qwen_2_5(), {5120, 27648, 64, 40, 8, 128}),
      shape("qwen2.5-72b", qwen_2_5(), {8192, 29568, 80, 64, 8, 128}),
      shape("qwen3-0.6b", qwen_3_small(), {1024, 3072, 28, 16, 8, 128}),
      shape("qwen3-1.7b", qwen_3_small(), {2048, 6144, 28, 16, 8, 128}),
      shape("qwen3-4b", qwen_3_small(), {2560, 9728, 36, 32, 8, 128}),
      shape("qwen3-8b", qwen_3(), {4096, 12288, 36, 32, 8, 128}),
      shape("qwen3-14b", qwen_3(), {5120, 17408, 40, 40, 8, 128}),
      shape("qwen3-32b", qwen_3(), {5120, 25600, 64, 64, 8, 128}),
  };
  return kShapes;
}

// The name in lower case and without what separates words.
std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == ' ') continue;
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

// Other names for the same shape: what people write, without the version that
// there is only one of.
struct Alias {
  std::string_view name;
  std::string_view shape;
};
constexpr Alias kAliases[] = {
    {"llama3405b", "llama-3.1-405b"},
    {"tinyllama", "tinyllama-1.1b"},
    {"mistral7b", "mistral-7b-v0.3"},
};

// Rows of `columns` elements as weights are stored.
std::int64_t matrix_bytes(std::int64_t rows, std::int64_t columns,
                          DType dtype) {
  const bool whole = columns % block_shape(dtype).elements == 0;
  return rows * row_bytes(whole ? dtype : DType::kF16, columns);
}

}  // namespace

std::span<const Shape> shapes() { return table(); }

const Shape* find_shape(std::string_view name) {
  std::string wanted = plain(name);
  for (const Alias& alias : kAliases) {
    if (alias.name == wanted) wanted = plain(alias.shape);
  }
  const auto found =
      std::find_if(table().begin(), table().end(),
                   [&](const Shape& s) { return plain(s.name) == wanted; });
  return found == table().end() ? nullptr : &*found;
}

std::int64_t weight_bytes(const ModelConfig& config, DType dtype) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t q_size = config.n_heads * config.head_dim;
  const std::int64_t kv_size = config.n_kv_heads * config.head_dim;
  const std::int64_t intermediate = config.intermediate_size;
  const std::int64_t inner_columns[] = {hidden, q_size, intermediate};
  const std::int64_t inner_rows[] = {q_size + 2 * kv_size + 2 * intermediate,
                                     hidden, hidden};
  std::int64_t layer_bytes = 0;
  std::int64_t layer_elements = 0;
  for (size_t i = 0; i < std::size(inner_rows); ++i) {
    layer_bytes += matrix_bytes(inner_rows[i], inner_columns[i], dtype);
    layer_elements += inner_rows[i] * inner_columns[i];
  }
  const std::int64_t embeddings = config.tied_embeddings ? 1 : 2;
  const std::int64_t matrix_elements = embeddings * config.vocab_size * hidden +
                                       config.n_layers * layer_elements;
  const DType vector_dtype = is_quantised(dtype) ? DType::kF32 : dtype;
  return embeddings * matrix_bytes(config.vocab_size, hidden, dtype) +
         config.n_layers * layer_bytes +
         row_bytes(vector_dtype, config.parameters() - matrix_elements);
}

std::int64_t lookup_bytes(const ModelConfig& config, DType dtype) {
  return config.tied_embeddings
             ? 0
             : matrix_bytes(config.vocab_size, config.hidden_size, dtype);
}

}  // namespace pilotfish
