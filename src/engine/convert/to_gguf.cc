// The metadata that llama.cpp expects: ggml/docs/gguf.md, and what its
// converter writes for these architectures.

#include "engine/convert/to_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "engine/convert/tensor_moves.h"
#include "engine/convert/tokenizer_to_gguf.h"
#include "formats/gguf_writer.h"
#include "model/config.h"
#include "model/rope.h"
#include "model/tensor_names.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using Scaling = RopeScaling::Kind;

// How GGUF sees the architecture.
struct GgufArchitecture {
  std::string_view name;
  bool interleaved;
};

GgufArchitecture gguf_architecture(const ModelConfig& config) {
  for (const Architecture& architecture : architectures()) {
    if (architecture.name != config.architecture) continue;
    return {architecture.gguf_name.empty() ? "llama" : architecture.gguf_name,
            architecture.gguf_interleaved};
  }
  assert(false);
  return {};
}

class GgufExport {
 public:
  GgufExport(const Checkpoint& checkpoint, const ConvertOptions& options)
      : checkpoint_(checkpoint),
        options_(options),
        config_(read_config(checkpoint)),
        architecture_(gguf_architecture(config_)) {}

  void write(const std::filesystem::path& to) {
    plan_tensors();
    describe_model();
    describe_rope();
    set_tokenizer(checkpoint_.path(), config_, header_);
    TensorFileWriter writer = write_gguf(to, header_, targets_of(moves_));
    move_tensors(moves_, checkpoint_.path().string(), writer);
    writer.finish();
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format(
        "{}: {}", (checkpoint_.path() / "config.json").string(), what));
  }

  std::string key(std::string_view name) const {
    return fmt::format("{}.{}", architecture_.name, name);
  }
  void set_extent(std::string_view name, std::int64_t value) {
    header_.set_u32(key(name), static_cast<std::uint32_t>(value));
  }
  void set_number(std::string_view name, double value) {
    header_.set_f32(key(name), static_cast<float>(value));
  }

  void plan_tensors() {
    if (architecture_.interleaved && config_.rotary_dim != config_.head_dim) {
      fail("partial_rotary_factor: llama.cpp's \"llama\" turns whole heads");
    }
    moves_ = plan_tensor_moves(
        checkpoint_, config_,
        {.target = Checkpoint::Kind::kGguf,
         .query_key_order = architecture_.interleaved ? RowOrder::kInterleave
                                                      : RowOrder::kSame,
         .choose_dtype = [&](const TensorView& t) { return dtype_for(t); }});
  }

  DType dtype_for(const TensorView& tensor) const {
    if (tensor.shape.size() == 1) return DType::kF32;
    const DType dtype = options_.dtype.value_or(tensor.dtype);
    const bool whole = tensor.shape.back() % block_shape(dtype).elements == 0;
    return whole ? dtype : DType::kF16;
  }

  void describe_model();
  void describe_rope();
  void describe_yarn();
  void add_rope_divisors();
  std::uint32_t file_type() const;

  const Checkpoint& checkpoint_;
  const ConvertOptions& options_;
  const ModelConfig config_;
  const GgufArchitecture architecture_;
  std::vector<TensorMove> moves_;
  GgufHeader header_;
  // The tensor made here, which a move points to.
  std::vector<float> rope_divisors_;
  TensorView rope_divisors_view_;
};

// enum llama_ftype: what most matrices are.
std::uint32_t GgufExport::file_type() const {
  const std::string probe =
      tensor_name(Checkpoint::Kind::kGguf, TensorRole::kQuery, 0);
  const auto move =
      std::find_if(moves_.begin(), moves_.end(),
                   [&](const TensorMove& m) { return m.target.name == probe; });
  switch (move->target.dtype) {
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

void GgufExport::describe_model() {
  const std::filesystem::path folder =
      std::filesystem::weakly_canonical(checkpoint_.path());
  header_.set_string("general.architecture", architecture_.name);
  header_.set_string("general.type", "model");
  header_.set_string("general.name", folder.filename().string());
  header_.set_u32("general.file_type", file_type());
  header_.set_u32("general.quantization_version", 2);

  for (const ExtentField& field : extent_fields()) {
    set_extent(field.gguf, config_.*field.member);
  }
  set_extent("attention.value_length", config_.head_dim);
  set_number("attention.layer_norm_rms_epsilon", config_.rms_epsilon);
  if (config_.sliding_window_from_layer > 0 &&
      config_.sliding_window_from_layer < config_.n_layers) {
    fail(fmt::format(
        "max_window_layers: found {} of {} layers; GGUF can only say that all "
        "layers slide or none",
        config_.sliding_window_from_layer, config_.n_layers));
  }
  if (config_.sliding_window > 0 && config_.sliding_window_from_layer == 0) {
    set_extent("attention.sliding_window", config_.sliding_window);
  }
}

void GgufExport::describe_rope() {
  set_number("rope.freq_base", config_.rope_theta);
  switch (config_.rope_scaling.kind) {
    case Scaling::kNone:
      return;
    case Scaling::kLinear:
      header_.set_string(key("rope.scaling.type"), "linear");
      set_number("rope.scaling.factor", config_.rope_scaling.factor);
      return;
    case Scaling::kYarn:
      return describe_yarn();
    case Scaling::kDynamic:
    case Scaling::kLlama3:
      return add_rope_divisors();
  }
}

void GgufExport::describe_yarn() {
  const RopeScaling& scaling = config_.rope_scaling;
  if (!scaling.truncate) {
    fail("rope_scaling.truncate: found false, which GGUF cannot say");
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

// Scaling that has no keys of its own becomes a divisor for each frequency.
// That of kind dynamic is what it is at the model's own n_positions.
void GgufExport::add_rope_divisors() {
  ModelConfig plain = config_;
  plain.rope_scaling = {};
  const Rope before(plain);
  const Rope after(config_);
  for (size_t i = 0; i < before.frequencies().size(); ++i) {
    rope_divisors_.push_back(
        static_cast<float>(before.frequencies()[i] / after.frequencies()[i]));
  }
  if (std::all_of(rope_divisors_.begin(), rope_divisors_.end(),
                  [](float divisor) { return divisor == 1; })) {
    return;
  }
  if (architecture_.name != "llama") {
    fail(fmt::format("rope_scaling: GGUF has no such scaling for {}",
                     architecture_.name));
  }
  const auto bytes = std::as_bytes(std::span(rope_divisors_));
  rope_divisors_view_ = {.name = tensor_name(Checkpoint::Kind::kGguf,
                                             TensorRole::kRopeFrequencies),
                         .dtype = DType::kF32,
                         .shape = {std::ssize(rope_divisors_)},
                         .data = bytes.data(),
                         .bytes = std::ssize(bytes)};
  moves_.push_back(
      {&rope_divisors_view_,
       {rope_divisors_view_.name, DType::kF32, rope_divisors_view_.shape}});
}

}  // namespace

void convert_to_gguf(const Checkpoint& checkpoint,
                     const std::filesystem::path& to,
                     const ConvertOptions& options) {
  GgufExport(checkpoint, options).write(to);
}

}  // namespace pilotfish
