// The metadata that llama.cpp expects: ggml/docs/gguf.md, and what its
// converter writes for these architectures.

#include "lab/convert/gguf_description.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>

#include "model/config.h"
#include "model/rope.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using Scaling = RopeScaling::Kind;

// enum llama_ftype
std::uint32_t file_type(DType matrices) {
  switch (matrices) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kQ4_0:
      return 2;
    case DType::kQ8_0:
      return 7;
    case DType::kBF16:
      return 32;
    default:
      assert(false);
      return 1024;  // to be guessed
  }
}

[[noreturn]] void fail(std::string_view file, const std::string& what) {
  throw Error(fmt::format("{}: {}", file, what));
}

class GgufDescription {
 public:
  GgufDescription(const ModelConfig& config, std::string_view file,
                  GgufHeader& header)
      : config_(config),
        layer_(common_layer(config)),
        architecture_(gguf_architecture(config).name),
        file_(file),
        header_(header) {}

  void describe_model(std::string_view name, DType matrices);
  void describe_rope();

 private:
  std::string key(std::string_view name) const {
    return fmt::format("{}.{}", architecture_, name);
  }
  void set_extent(std::string_view name, std::int64_t value) {
    header_.set_u32(key(name), static_cast<std::uint32_t>(value));
  }
  void set_number(std::string_view name, double value) {
    header_.set_f32(key(name), static_cast<float>(value));
  }
  void describe_yarn();

  const ModelConfig& config_;
  const LayerConfig& layer_;
  const std::string_view architecture_;
  const std::string_view file_;
  GgufHeader& header_;
};

void GgufDescription::describe_model(std::string_view name, DType matrices) {
  header_.set_string("general.architecture", architecture_);
  header_.set_string("general.type", "model");
  header_.set_string("general.name", name);
  header_.set_u32("general.file_type", file_type(matrices));
  header_.set_u32("general.quantization_version", 2);

  const Extents extents = extents_of(config_, layer_);
  for (const ExtentField& field : extent_fields()) {
    set_extent(field.gguf, extents.*field.member);
  }
  set_extent("attention.value_length", extents.head_dim);
  set_number("attention.layer_norm_rms_epsilon", config_.rms_epsilon);
  const std::int64_t full = std::count_if(
      config_.layers.begin(), config_.layers.end(),
      [](const LayerConfig& l) { return l.attention.sliding_window == 0; });
  if (full > 0 && full < config_.n_layers()) {
    fail(file_, fmt::format("max_window_layers: found {} of {} layers; GGUF "
                            "can only say that all layers slide or none",
                            full, config_.n_layers()));
  }
  if (full == 0) {
    set_extent("attention.sliding_window", config_.sliding_window());
  }
}

void GgufDescription::describe_rope() {
  set_number("rope.freq_base", layer_.attention.rope.theta);
  switch (layer_.attention.rope.scaling.kind) {
    case Scaling::kNone:
    case Scaling::kDynamic:  // gguf_rope_divisors
    case Scaling::kLlama3:
      return;
    case Scaling::kLinear:
      header_.set_string(key("rope.scaling.type"), "linear");
      set_number("rope.scaling.factor", layer_.attention.rope.scaling.factor);
      return;
    case Scaling::kYarn:
      return describe_yarn();
  }
}

void GgufDescription::describe_yarn() {
  const RopeScaling& scaling = layer_.attention.rope.scaling;
  if (!scaling.truncate) {
    fail(file_,
         "rope_scaling.truncate: found false, which GGUF cannot express");
  }
  header_.set_string(key("rope.scaling.type"), "yarn");
  set_number("rope.scaling.factor", scaling.factor);
  set_extent("rope.scaling.original_context_length",
             scaling.original_positions);
  set_number("rope.scaling.yarn_beta_fast", scaling.beta_fast);
  set_number("rope.scaling.yarn_beta_slow", scaling.beta_slow);
  if (scaling.attention_factor > 0) {
    // llama.cpp multiplies it by what the factor alone asks for.
    set_number("rope.scaling.attn_factor",
               scaling.attention_factor / (0.1 * std::log(scaling.factor) + 1));
  }
}

}  // namespace

GgufArchitecture gguf_architecture(const ModelConfig& config) {
  for (const Architecture& architecture : architectures()) {
    if (architecture.name != config.architecture) continue;
    return {architecture.gguf_name.empty() ? "llama" : architecture.gguf_name,
            architecture.gguf_interleaved};
  }
  assert(false);
  return {};
}

void describe_for_gguf(const ModelConfig& config, std::string_view name,
                       DType matrices, std::string_view file,
                       GgufHeader& header) {
  GgufDescription description(config, file, header);
  description.describe_model(name, matrices);
  description.describe_rope();
}

DType gguf_matrix_dtype(DType wanted, DType otherwise, std::int64_t columns) {
  const bool whole = columns % block_shape(wanted).elements == 0;
  return whole ? wanted : otherwise;
}

std::vector<float> gguf_rope_divisors(const ModelConfig& config,
                                      std::string_view file) {
  const RopeConfig& rope = common_layer(config).attention.rope;
  const Scaling kind = rope.scaling.kind;
  if (kind != Scaling::kDynamic && kind != Scaling::kLlama3) return {};
  RopeConfig plain = rope;
  plain.scaling = {};
  const Rope before(plain);
  const Rope after(rope, config.n_positions);
  std::vector<float> divisors;
  for (size_t i = 0; i < before.frequencies().size(); ++i) {
    divisors.push_back(
        static_cast<float>(before.frequencies()[i] / after.frequencies()[i]));
  }
  if (std::all_of(divisors.begin(), divisors.end(),
                  [](float divisor) { return divisor == 1; })) {
    return {};
  }
  const std::string_view architecture = gguf_architecture(config).name;
  if (architecture != "llama") {
    fail(file, fmt::format("rope_scaling: GGUF has no such scaling for {}",
                           architecture));
  }
  return divisors;
}

}  // namespace pilotfish
