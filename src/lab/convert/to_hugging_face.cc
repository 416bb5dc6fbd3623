#include "lab/convert/to_hugging_face.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <variant>

#include "formats/is_there.h"
#include "formats/new_path.h"
#include "formats/safetensors_writer.h"
#include "lab/convert/json_file.h"
#include "lab/convert/rope_scaling_from_divisors.h"
#include "lab/convert/tensor_moves.h"
#include "lab/convert/tokenizer_from_gguf.h"
#include "model/config.h"
#include "model/tensor_names.h"
#include "pilotfish/error.h"
#include "tensor/quantise.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Makes what becomes the folder of that name. Throws Error where something else
// than an empty folder has the name.
NewPath make_folder(const fs::path& path) {
  // "out/" names the folder "out".
  NewPath folder(path.has_filename() ? path : path.parent_path());
  std::error_code error;
  const bool empty_folder = fs::is_directory(folder.path(), error) &&
                            fs::is_empty(folder.path(), error);
  if (is_there(folder.path()) && !empty_folder) {
    throw Error(fmt::format("{}: already there; expected a new folder's name",
                            folder.path().string()));
  }
  if (!fs::create_directory(folder.temporary(), error)) {
    throw Error(fmt::format("{}: cannot create the folder: {}",
                            folder.path().string(), error.message()));
  }
  return folder;
}

// The number somebody wrote down before GGUF rounded it to float: 1e-5, not
// 9.999999747378752e-06.
double as_written(double value) {
  return std::stod(fmt::format("{}", static_cast<float>(value)));
}

class HuggingFaceExport {
 public:
  HuggingFaceExport(const Checkpoint& checkpoint, const ConvertOptions& options)
      : checkpoint_(checkpoint),
        options_(options),
        config_(read_config(checkpoint)) {}

  ConvertNotes write(const fs::path& to) {
    read_rope_divisors();
    plan_tensors();
    const Json config = describe_config();
    const Json generation = describe_generation();
    check_nothing_is_lost(config, generation);

    NewPath folder = make_folder(to);
    write_json(folder.temporary() / "config.json", config);
    write_json(folder.temporary() / "generation_config.json", generation);
    write_tokenizer(checkpoint_.metadata(), folder.temporary());
    TensorFileWriter writer = write_safetensors(
        folder.temporary() / "model.safetensors", targets_of(moves_));
    move_tensors(moves_, checkpoint_.path().string(), writer);
    writer.finish();
    folder.commit();
    const std::string left_out = left_out_text(checkpoint_, config_, moves_);
    return left_out.empty() ? ConvertNotes{} : ConvertNotes{left_out};
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {}", checkpoint_.path().string(), what));
  }

  DType dtype_for(const TensorView& tensor) const {
    const DType kept = is_quantised(tensor.dtype) ? DType::kBF16 : tensor.dtype;
    return options_.dtype.value_or(kept);
  }

  void read_rope_divisors();
  void plan_tensors();
  Json describe_config() const;
  Json describe_window() const;
  Json describe_rope_scaling() const;
  Json describe_generation() const;
  void check_nothing_is_lost(const Json& config, const Json& generation) const;
  const Architecture& architecture() const;

  const Checkpoint& checkpoint_;
  const ConvertOptions& options_;
  ModelConfig config_;
  std::vector<TensorMove> moves_;
};

void HuggingFaceExport::read_rope_divisors() {
  const TensorView* tensor = checkpoint_.find(
      tensor_name(Checkpoint::Kind::kGguf, TensorRole::kRopeFrequencies));
  if (!tensor) return;
  const RopeConfig& rope = common_layer(config_).attention.rope;
  if (tensor->shape != std::vector{rope.rotary_dim / 2} ||
      is_quantised(tensor->dtype)) {
    fail(fmt::format("tensor {}: found shape {} of {}, expected [{}] of f32",
                     tensor->name, shape_text(tensor->shape),
                     dtype_name(tensor->dtype), rope.rotary_dim / 2));
  }
  std::vector<float> divisors(static_cast<size_t>(tensor->elements()));
  dequantise_row(tensor->dtype, tensor->data, divisors.data(),
                 tensor->elements());
  const auto scaling = rope_scaling_from_divisors(rope, divisors);
  if (!scaling || rope.scaling.kind != RopeScaling::Kind::kNone) {
    fail(
        fmt::format("tensor {}: found factors that are not Llama 3's, the only "
                    "ones that a config.json can express",
                    tensor->name));
  }
  for (LayerConfig& layer : config_.layers) {
    layer.attention.rope.scaling = *scaling;
  }
}

void HuggingFaceExport::plan_tensors() {
  moves_ = plan_tensor_moves(
      checkpoint_, config_,
      {.target = Checkpoint::Kind::kHuggingFace,
       .query_key_order = common_layer(config_).attention.rope.interleaved
                              ? RowOrder::kSeparate
                              : RowOrder::kSame,
       .choose_dtype = [&](const TensorView& t) { return dtype_for(t); }});
  // Sorted like this, each tensor is aligned.
  std::stable_sort(moves_.begin(), moves_.end(),
                   [](const TensorMove& a, const TensorMove& b) {
                     return block_shape(a.target.dtype).bytes >
                            block_shape(b.target.dtype).bytes;
                   });
}

// llama.cpp calls Mistral "llama" too; its window tells it apart.
const Architecture& HuggingFaceExport::architecture() const {
  const std::string_view name =
      config_.architecture == "llama" && config_.sliding_window() > 0
          ? "mistral"
          : std::string_view(config_.architecture);
  return *std::find_if(
      architectures().begin(), architectures().end(),
      [&](const Architecture& known) { return known.name == name; });
}

Json HuggingFaceExport::describe_config() const {
  constexpr const char* kTorchNames[] = {"float32", "float16", "bfloat16"};
  const TensorSpec* widest_use = &moves_.front().target;
  for (const TensorMove& move : moves_) {
    if (move.target.shape.size() > 1) widest_use = &move.target;
  }
  Json json = {
      {"architectures", {architecture().hugging_face_class}},
      {"model_type", architecture().name},
      {"torch_dtype", kTorchNames[static_cast<size_t>(widest_use->dtype)]},
      {"hidden_act", "silu"},
  };
  const LayerConfig& layer = common_layer(config_);
  const Extents extents = extents_of(config_, layer);
  for (const ExtentField& field : extent_fields()) {
    if (field.member == &Extents::rotary_dim) continue;
    json[std::string(field.hugging_face)] = extents.*field.member;
  }
  if (extents.rotary_dim != extents.head_dim) {
    json["partial_rotary_factor"] = static_cast<double>(extents.rotary_dim) /
                                    static_cast<double>(extents.head_dim);
  }
  json["rms_norm_eps"] = as_written(config_.rms_epsilon);
  json["rope_theta"] = as_written(layer.attention.rope.theta);
  json["rope_scaling"] = describe_rope_scaling();
  json["tie_word_embeddings"] = config_.tied_embeddings;
  json["attention_bias"] = layer.attention.bias;
  json["mlp_bias"] = std::get<DenseFfn>(layer.ffn).bias;
  json.update(describe_window());
  json.update(describe_generation());
  return json;
}

Json HuggingFaceExport::describe_window() const {
  const bool slides = config_.sliding_window() > 0;
  Json json = Json::object();
  if (architecture().window == Architecture::Window::kNever) return json;
  json["sliding_window"] =
      slides ? Json(config_.sliding_window()) : Json(nullptr);
  if (architecture().window == Architecture::Window::kIfUsed) {
    json["use_sliding_window"] = slides;
    json["max_window_layers"] = slides ? 0 : config_.n_layers();
  }
  return json;
}

Json HuggingFaceExport::describe_rope_scaling() const {
  const RopeScaling& scaling = common_layer(config_).attention.rope.scaling;
  const Json factor = as_written(scaling.factor);
  const Json positions = scaling.original_positions;
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone:
    case RopeScaling::Kind::kDynamic:  // never in a GGUF file
      return nullptr;
    case RopeScaling::Kind::kLinear:
      return {{"rope_type", "linear"}, {"factor", factor}};
    case RopeScaling::Kind::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", factor},
              {"original_max_position_embeddings", positions},
              {"low_freq_factor", scaling.low_frequency_factor},
              {"high_freq_factor", scaling.high_frequency_factor}};
    case RopeScaling::Kind::kYarn: {
      Json json = {{"rope_type", "yarn"},
                   {"factor", factor},
                   {"original_max_position_embeddings", positions},
                   {"beta_fast", as_written(scaling.beta_fast)},
                   {"beta_slow", as_written(scaling.beta_slow)}};
      if (scaling.attention_factor > 0) {
        json["attention_factor"] = as_written(scaling.attention_factor);
      }
      return json;
    }
  }
  return nullptr;
}

Json HuggingFaceExport::describe_generation() const {
  Json json = Json::object();
  json["bos_token_id"] = config_.bos >= 0 ? Json(config_.bos) : Json(nullptr);
  json["eos_token_id"] = config_.eos.size() == 1 ? Json(config_.eos.front())
                         : config_.eos.empty()   ? Json(nullptr)
                                                 : Json(config_.eos);
  return json;
}

// A GGUF file may combine parts as no Hugging Face class does.
void HuggingFaceExport::check_nothing_is_lost(const Json& config,
                                              const Json& generation) const {
  const ModelConfig read =
      config_from_json(nlohmann::json(config), nlohmann::json(generation),
                       checkpoint_.path().string());
  const auto check = [&](const char* part, bool same) {
    if (same) return;
    fail(fmt::format("{}: {} cannot represent what this file has", part,
                     architecture().hugging_face_class));
  };
  const LayerConfig& ours = common_layer(config_);
  const LayerConfig& theirs = common_layer(read);
  check("attention biases", theirs.attention.bias == ours.attention.bias);
  check("attention output biases",
        theirs.attention.output_bias == ours.attention.output_bias);
  check("MLP biases", std::get<DenseFfn>(theirs.ffn).bias ==
                          std::get<DenseFfn>(ours.ffn).bias);
  check("query and key norms",
        theirs.attention.qk_norm == ours.attention.qk_norm);
  check("sliding window", read.sliding_window() == config_.sliding_window());
  check("rotary dimensions",
        theirs.attention.rope.rotary_dim == ours.attention.rope.rotary_dim);
}

}  // namespace

ConvertNotes convert_to_hugging_face(const Checkpoint& checkpoint,
                                     const fs::path& to,
                                     const ConvertOptions& options) {
  return HuggingFaceExport(checkpoint, options).write(to);
}

}  // namespace pilotfish
