#include "lab/convert/to_gguf.h"

#include <fmt/format.h>

#include <algorithm>

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
        architecture_(gguf_architecture(config_)) {}

  void write(const std::filesystem::path& to) {
    plan_tensors();
    const auto folder = std::filesystem::weakly_canonical(checkpoint_.path());
    describe_for_gguf(config_, folder.filename().string(), most_matrices(),
                      config_file(), header_);
    add_rope_divisors();
    set_tokenizer(checkpoint_.path(), config_, header_);
    TensorFileWriter writer = write_gguf(to, header_, targets_of(moves_));
    move_tensors(moves_, checkpoint_.path().string(), writer);
    writer.finish();
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
          fmt::format("{}: partial_rotary_factor: llama.cpp's \"llama\" turns "
                      "whole heads",
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
    return gguf_matrix_dtype(options_.dtype.value_or(tensor.dtype),
                             tensor.shape.back());
  }

  DType most_matrices() const;
  void add_rope_divisors();

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

}  // namespace

void convert_to_gguf(const Checkpoint& checkpoint,
                     const std::filesystem::path& to,
                     const ConvertOptions& options) {
  GgufExport(checkpoint, options).write(to);
}

}  // namespace pilotfish
