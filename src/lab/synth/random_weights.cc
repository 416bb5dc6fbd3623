#include "lab/synth/random_weights.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lab/convert/gguf_description.h"
#include "model/tensor_names.h"
#include "model/tensor_shapes.h"
#include "pilotfish/random.h"
#include "tensor/quantise.h"

namespace pilotfish {
namespace {

// The standard deviation of the logits. Normal logits of deviation s over n
// tokens give, at temperature T, two draws that are equal with probability 1 -
// T sqrt(2 ln n) / s (the random energy model, Derrida 1981): 0.43 for T = 1
// and 32,000 tokens.
constexpr double kLogitDeviation = 8;
// The standard deviation of the attention scores: few positions get nearly all
// the weight. With less, attention over a long context is the same average
// everywhere, the next token follows from the last one alone, and greedy text
// soon repeats itself.
constexpr double kScoreDeviation = 3;
constexpr double kNormDeviation = 0.1;
constexpr double kBiasDeviation = 0.1;

struct Elements {
  double mean = 0;
  double deviation = 0;
};

// Matrices keep the variance of what they multiply, but for the exceptions
// above. A tied embedding is small, so that a token does not find itself most
// similar to what comes out, and the final norm makes up for it.
Elements elements_of(TensorRole role, const ModelConfig& config,
                     std::int64_t columns) {
  using enum TensorRole;
  const double unit = 1 / std::sqrt(static_cast<double>(columns));
  switch (role) {
    case kTokenEmbedding:
      return {0, config.tied_embeddings ? unit : 1};
    case kOutput:
      return {0, kLogitDeviation * unit};
    case kOutputNorm:
      return {config.tied_embeddings ? kLogitDeviation : 1, 0};
    case kAttentionNorm:
    case kFfnNorm:
      return {1, kNormDeviation};
    case kQuery:
    case kKey:
      return {0, std::sqrt(kScoreDeviation) * unit};
    case kQueryNorm:
    case kKeyNorm:
      return {std::sqrt(kScoreDeviation), 0};
    case kValue:
    case kAttentionOutput:
    case kFfnGate:
    case kFfnUp:
    case kFfnDown:
      return {0, unit};
    case kQueryBias:
    case kKeyBias:
    case kValueBias:
    case kAttentionOutputBias:
    case kFfnGateBias:
    case kFfnUpBias:
    case kFfnDownBias:
      return {0, kBiasDeviation};
    case kRopeFrequencies:
      break;
  }
  return {};
}

bool is_output_projection(TensorRole role) {
  return role == TensorRole::kAttentionOutput || role == TensorRole::kFfnDown;
}

// The elements [0, row.size()) of a row. Eight come of one Philox block, 16
// bits each.
void fill_row(const RandomTensor& tensor, std::uint64_t seed, std::int64_t row,
              std::span<float> out) {
  constexpr size_t kAtOnce = 8;
  constexpr double kMiddle = 32767.5;
  const double unit = std::sqrt((65536.0 * 65536 - 1) / 12);
  const auto factor = static_cast<float>(tensor.deviation / unit);
  const auto offset =
      static_cast<float>(tensor.mean - kMiddle * tensor.deviation / unit);
  const std::array<std::uint32_t, 2> key = {
      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  for (size_t first = 0; first < out.size(); first += kAtOnce) {
    const std::array<std::uint32_t, 4> bits =
        Random::philox({static_cast<std::uint32_t>(first / kAtOnce),
                        static_cast<std::uint32_t>(row), tensor.key, 0},
                       key);
    const size_t count = std::min(kAtOnce, out.size() - first);
    for (size_t i = 0; i < count; ++i) {
      const std::uint32_t sixteen = bits[i / 2] >> (i % 2 * 16) & 0xFFFF;
      out[first + i] = factor * static_cast<float>(sixteen) + offset;
    }
  }
}

}  // namespace

std::vector<RandomTensor> random_tensors(const ModelConfig& config, DType dtype,
                                         const LaterLayers& later) {
  std::vector<RandomTensor> tensors;
  for (const TensorShape& shape : tensor_shapes(config)) {
    const TensorRole role = shape.role;
    Elements elements = elements_of(role, config, shape.columns);
    if (is_output_projection(role) && shape.layer >= later.first) {
      elements.deviation *= later.scale;
    }
    const DType stored =
        shape.is_matrix() ? gguf_matrix_dtype(dtype, DType::kF16, shape.columns)
                          : DType::kF32;
    tensors.push_back(
        {{tensor_name(Checkpoint::Kind::kGguf, role, shape.layer), stored,
          shape.extents()},
         elements.mean,
         elements.deviation,
         static_cast<std::uint32_t>(shape.layer * kTensorRoleCount) +
             static_cast<std::uint32_t>(role)});
  }
  return tensors;
}

std::vector<TensorSpec> specs_of(std::span<const RandomTensor> tensors) {
  std::vector<TensorSpec> specs;
  for (const RandomTensor& tensor : tensors) specs.push_back(tensor.spec);
  return specs;
}

void write_random(std::span<const RandomTensor> tensors, std::uint64_t seed,
                  ThreadTeam& threads,
                  const std::function<void(double)>& progress,
                  TensorFileWriter& writer) {
  constexpr std::int64_t kElementsAtOnce = 1 << 22;
  double total = 0;
  for (const RandomTensor& tensor : tensors) {
    total += static_cast<double>(tensor.spec.bytes());
  }
  double done = 0;
  std::vector<std::byte> bytes;
  for (const RandomTensor& tensor : tensors) {
    const std::int64_t columns = tensor.spec.shape.back();
    const std::int64_t rows =
        tensor.spec.shape.size() == 1 ? 1 : tensor.spec.shape.front();
    const std::int64_t stride = row_bytes(tensor.spec.dtype, columns);
    const std::int64_t step =
        std::max<std::int64_t>(1, kElementsAtOnce / columns);
    for (std::int64_t first = 0; first < rows; first += step) {
      const std::int64_t count = std::min(step, rows - first);
      bytes.resize(static_cast<size_t>(count * stride));
      threads.parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> row(static_cast<size_t>(columns));
        for (std::int64_t i = begin; i < end; ++i) {
          fill_row(tensor, seed, first + i, row);
          quantise_row(tensor.spec.dtype, row.data(), bytes.data() + i * stride,
                       columns);
        }
      });
      writer.write(bytes);
      done += static_cast<double>(bytes.size());
      if (progress) progress(done / total);
    }
  }
}

}  // namespace pilotfish
