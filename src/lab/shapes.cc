#include "pilotfish/lab/shapes.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "model/tensor_shapes.h"
#include "tensor/dtype.h"

namespace pilotfish {
namespace {

// What the models of a family have in common, taken from their config.json
// files.
// Their layers are all alike.
struct Family {
  ModelConfig config;
  LayerConfig layer;
};

Family llama_2() {
  Family family;
  family.config.architecture = "llama";
  family.config.vocab_size = 32000;
  family.config.n_positions = 4096;
  family.config.bos = 1;
  family.config.eos = {2};
  return family;
}

Family llama_1_small() {  // TinyLlama and the drafts of SpecInfer
  Family family = llama_2();
  family.config.n_positions = 2048;
  return family;
}

Family stories(std::int64_t n_positions) {  // Karpathy's tinyllamas
  Family family = llama_2();
  family.config.n_positions = n_positions;
  family.config.tied_embeddings = true;
  return family;
}

Family stories_260k() {
  Family family = stories(512);
  family.config.vocab_size = 512;
  return family;
}

Family llama_3() {
  Family family;
  family.config.architecture = "llama";
  family.config.vocab_size = 128256;
  family.config.n_positions = 8192;
  family.layer.attention.rope.theta = 500000;
  family.config.bos = 128000;
  family.config.eos = {128001, 128009};
  return family;
}

Family llama_3_1(double factor = 8) {
  Family family = llama_3();
  family.config.n_positions = 131072;
  family.layer.attention.rope.scaling = {.kind = RopeScaling::Kind::kLlama3,
                                         .factor = factor,
                                         .original_positions = 8192,
                                         .low_frequency_factor = 1,
                                         .high_frequency_factor = 4};
  return family;
}

Family llama_3_2() {
  Family family = llama_3_1(32);
  family.config.tied_embeddings = true;
  return family;
}

Family mistral_0_1() {
  Family family = llama_2();
  family.config.architecture = "mistral";
  family.config.n_positions = 32768;
  family.layer.attention.sliding_window = 4096;
  return family;
}

Family mistral_0_3() {
  Family family = mistral_0_1();
  family.config.vocab_size = 32768;
  family.layer.attention.sliding_window = 0;
  family.layer.attention.rope.theta = 1e6;
  return family;
}

Family qwen_2_5() {
  Family family;
  family.config.architecture = "qwen2";
  family.config.vocab_size = 152064;
  family.config.n_positions = 32768;
  family.config.rms_epsilon = 1e-6;
  family.layer.rms_epsilon = 1e-6;
  family.layer.attention.rope.theta = 1e6;
  family.layer.attention.bias = true;
  family.config.eos = {151645, 151643};
  return family;
}

Family qwen_2_5_small() {
  Family family = qwen_2_5();
  family.config.vocab_size = 151936;
  family.config.tied_embeddings = true;
  return family;
}

Family qwen_3() {
  Family family = qwen_2_5();
  family.config.architecture = "qwen3";
  family.config.vocab_size = 151936;
  family.config.n_positions = 40960;
  family.layer.attention.bias = false;
  family.layer.attention.qk_norm = true;
  return family;
}

Family qwen_3_small() {
  Family family = qwen_3();
  family.config.tied_embeddings = true;
  return family;
}

// What tells the models of a family apart.
struct Size {
  std::int64_t hidden_size;
  std::int64_t intermediate_size;
  std::int64_t n_layers;
  std::int64_t n_heads;
  std::int64_t n_kv_heads;
  std::int64_t head_dim;
};

Shape shape(const char* name, Family family, const Size& size) {
  family.config.hidden_size = size.hidden_size;
  family.layer.ffn = DenseFfn{.intermediate_size = size.intermediate_size};
  AttentionConfig& attention = family.layer.attention;
  attention.n_heads = size.n_heads;
  attention.n_kv_heads = size.n_kv_heads;
  attention.head_dim = size.head_dim;
  attention.rope.rotary_dim = size.head_dim;
  family.config.set_layers(size.n_layers, family.layer);
  return {name, std::move(family.config)};
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

// Of a matrix as weights are stored.
std::int64_t matrix_bytes(const TensorShape& matrix, DType dtype) {
  const bool whole = matrix.columns % block_shape(dtype).elements == 0;
  return *matrix.rows * row_bytes(whole ? dtype : DType::kF16, matrix.columns);
}

// The first and the last eighth of the layers, every third between them.
bool has_more_bits(std::int64_t layer, std::int64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 ||
         (layer - layers / 8) % 3 == 2;
}

DType dtype_in_q4_k_m(const ModelConfig& config, const TensorShape& tensor) {
  using enum TensorRole;
  constexpr std::int64_t kLayersOf70B = 80;
  if (tensor.role == kOutput) return DType::kQ6_K;
  if (tensor.role == kTokenEmbedding && config.tied_embeddings) {
    return DType::kQ6_K;
  }
  if (tensor.role != kValue && tensor.role != kFfnDown) return DType::kQ4_K;
  // The 70B has so few values that more bits cost it nearly nothing.
  if (tensor.role == kValue && config.n_layers() == kLayersOf70B) {
    return has_more_bits(tensor.layer, config.n_layers()) ? DType::kQ6_K
                                                          : DType::kQ5_K;
  }
  return has_more_bits(tensor.layer, config.n_layers()) ? DType::kQ6_K
                                                        : DType::kQ4_K;
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
  const DType vector_dtype = is_quantised(dtype) ? DType::kF32 : dtype;
  std::int64_t bytes = 0;
  for (const TensorShape& tensor : tensor_shapes(config)) {
    bytes += tensor.is_matrix() ? matrix_bytes(tensor, dtype)
                                : row_bytes(vector_dtype, tensor.columns);
  }
  return bytes;
}

std::int64_t q4_k_m_bytes(const ModelConfig& config) {
  std::int64_t bytes = 0;
  for (const TensorShape& tensor : tensor_shapes(config)) {
    bytes += tensor.is_matrix()
                 ? matrix_bytes(tensor, dtype_in_q4_k_m(config, tensor))
                 : row_bytes(DType::kF32, tensor.columns);
  }
  return bytes;
}

std::int64_t lookup_elements(const ModelConfig& config) {
  if (config.tied_embeddings) return 0;
  return tensor_shape(config, TensorRole::kTokenEmbedding)->elements();
}

std::int64_t lookup_bytes(const ModelConfig& config, DType dtype) {
  if (config.tied_embeddings) return 0;
  return matrix_bytes(*tensor_shape(config, TensorRole::kTokenEmbedding),
                      dtype);
}

}  // namespace pilotfish
