#include "lab/convert/to_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "formats/gguf_writer.h"
#include "lab/convert/gguf_description.h"
#include "lab/convert/tensor_moves.h"
#include "lab/convert/tokenizer_to_gguf.h"
#include "model/config.h"
#include "model/tensor_names.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

class GgufExport {
 public:
  GgufExport(const Checkpoint& checkpoint, const ConvertOptions& options)
      : checkpoint_(checkpoint),
        options_(options),
        config_(read_config(checkpoint)),
        architecture_(gguf_architecture(config_)) {
    const RopeConfig& first = config_.layers.front().attention.rope;
    for (const LayerConfig& layer : config_.layers) {
      if (layer.attention.rope == first) continue;
      throw Error(fmt::format(
          "{}: rope_parameters: found different ones for full and sliding "
          "attention, which GGUF cannot express",
          config_file()));
    }
  }

  ConvertNotes write(const std::filesystem::path& to) {
    plan_tensors();
    const auto folder = std::filesystem::weakly_canonical(checkpoint_.path());
    describe_for_gguf(config_, folder.filename().string(), most_matrices(),
                      config_file(), header_);
    add_rope_divisors();
    set_tokenizer(checkpoint_.path(), config_, header_);
    TensorFileWriter writer =
        write_gguf(to, header_, targets_of(moves_),
                   options_.overwrite ? Existing::kReplace : Existing::kRefuse);
    move_tensors(moves_, checkpoint_.path().string(), writer);
    writer.finish();
    return notes();
  }

 private:
  std::string config_file() const {
    return (checkpoint_.path() / "config.json").string();
  }

  void plan_tensors() {
    const AttentionConfig& attention = common_layer(config_).attention;
    if (architecture_.interleaved &&
        attention.rope.rotary_dim != attention.head_dim) {
      throw Error(
          fmt::format("{}: partial_rotary_factor: llama.cpp's \"llama\" "
                      "rotates whole heads",
                      config_file()));
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
    const DType wanted = options_.dtype.value_or(tensor.dtype);
    const DType dtype =
        gguf_matrix_dtype(wanted, DType::kBF16, tensor.shape.back());
    if (dtype != wanted && options_.strict_dtype) {
      throw Error(fmt::format(
          "{}: tensor {}: {} packs blocks of {} columns, found {}; without "
          "--strict-dtype it becomes {}",
          checkpoint_.path().string(), tensor.name, dtype_name(wanted),
          block_shape(wanted).elements, tensor.shape.back(),
          dtype_name(dtype)));
    }
    return dtype;
  }

  DType most_matrices() const;
  void add_rope_divisors();
  ConvertNotes notes() const;
  std::string lost_generation_settings() const;

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

DType GgufExport::most_matrices() const {
  const std::string probe =
      tensor_name(Checkpoint::Kind::kGguf, TensorRole::kQuery, 0);
  return std::find_if(
             moves_.begin(), moves_.end(),
             [&](const TensorMove& m) { return m.target.name == probe; })
      ->target.dtype;
}

void GgufExport::add_rope_divisors() {
  rope_divisors_ = gguf_rope_divisors(config_, config_file());
  if (rope_divisors_.empty()) return;
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

// What generation_config.json says beside the ids that GGUF has keys for.
std::string GgufExport::lost_generation_settings() const {
  constexpr std::string_view kSettings[] = {"temperature", "top_k", "top_p",
                                            "min_p", "repetition_penalty"};
  std::string lost;
  for (const std::string_view name : kSettings) {
    const auto& settings = checkpoint_.generation_config();
    const auto found = settings.find(name);
    if (found == settings.end() || found->is_null()) continue;
    lost += lost.empty() ? "" : ", ";
    lost += name;
  }
  return lost;
}

ConvertNotes GgufExport::notes() const {
  ConvertNotes notes;
  const RopeScaling& scaling = common_layer(config_).attention.rope.scaling;
  if (scaling.kind == RopeScaling::Kind::kDynamic) {
    notes.push_back(fmt::format(
        "rope_scaling of type dynamic is lost, as GGUF has no key for it: the "
        "file has rotary embeddings as they are for {} positions",
        config_.n_positions));
  }
  const auto kept =
      std::count_if(moves_.begin(), moves_.end(), [&](const TensorMove& move) {
        return move.target.shape.size() > 1 && options_.dtype &&
               move.target.dtype != *options_.dtype;
      });
  if (kept > 0) {
    notes.push_back(fmt::format(
        "{} {} stored in bf16, as {} packs blocks of {} columns", kept,
        kept == 1 ? "matrix is" : "matrices are", dtype_name(*options_.dtype),
        block_shape(*options_.dtype).elements));
  }
  if (config_.eos.size() > kGgufEndKeys) {
    notes.push_back(fmt::format(
        "GGUF has keys for {} end tokens; of {}, other programs will not know "
        "the last {}",
        kGgufEndKeys, config_.eos.size(), config_.eos.size() - kGgufEndKeys));
  }
  const std::string settings = lost_generation_settings();
  if (!settings.empty()) {
    notes.push_back(fmt::format(
        "generation_config.json: {}: left out, as GGUF has no keys for them",
        settings));
  }
  std::string left_out = left_out_text(checkpoint_, config_, moves_);
  if (!left_out.empty()) notes.push_back(std::move(left_out));
  return notes;
}

}  // namespace

ConvertNotes convert_to_gguf(const Checkpoint& checkpoint,
                             const std::filesystem::path& to,
                             const ConvertOptions& options) {
  return GgufExport(checkpoint, options).write(to);
}

}  // namespace pilotfish
