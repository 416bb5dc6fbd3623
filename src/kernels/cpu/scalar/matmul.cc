#include <algorithm>
#include <cstring>

#include "kernels/cpu/scalar/steps.h"
#include "tensor/quantise.h"

namespace pilotfish::scalar {
namespace {

// Column c adds to partial sum c mod 16; the partial sums meet at the end.
constexpr int kPartials = 16;
constexpr int kRows = 16;             // activation rows in one pass
constexpr std::int64_t kChunk = 256;  // columns; whole blocks of any dtype

std::int64_t padded(std::int64_t columns) {
  return (columns + kPartials - 1) / kPartials * kPartials;
}

float sum(const float* partials) {
  float total = 0;
  for (int l = 0; l < kPartials; ++l) total += partials[l];
  return total;
}

// One weight row against `count` activation rows, `stride` floats apart.
void dot(const WeightMatrix& weights, const std::byte* row, const float* x,
         std::int64_t stride, int count, float* sums) {
  float partials[kRows][kPartials] = {};
  float unpacked[kChunk];
  for (std::int64_t k = 0; k < weights.columns; k += kChunk) {
    const std::int64_t n = std::min(kChunk, weights.columns - k);
    dequantise_row(weights.dtype, row, unpacked, n);
    std::fill(unpacked + n, unpacked + padded(n), 0.0f);
    row += row_bytes(weights.dtype, n);
    for (int i = 0; i < count; ++i) {
      const float* activations = x + i * stride + k;
      for (std::int64_t c = 0; c < n; c += kPartials) {
        for (int l = 0; l < kPartials; ++l) {
          partials[i][l] += unpacked[c + l] * activations[c + l];
        }
      }
    }
  }
  for (int i = 0; i < count; ++i) sums[i] = sum(partials[i]);
}

}  // namespace

std::int64_t activation_bytes(DType /*weights*/, std::int64_t columns) {
  return padded(columns) * static_cast<std::int64_t>(sizeof(float));
}

void pack_activations(DType /*weights*/, const float* x, std::int64_t columns,
                      std::byte* out) {
  auto* floats = reinterpret_cast<float*>(out);
  std::copy(x, x + columns, floats);
  std::fill(floats + columns, floats + padded(columns), 0.0f);
}

void matmul(const MatmulArgs& args, std::int64_t begin, std::int64_t end) {
  const WeightMatrix& weights = args.weights;
  const std::int64_t bytes = row_bytes(weights.dtype, weights.columns);
  const std::int64_t stride = padded(weights.columns);
  const auto* x = reinterpret_cast<const float*>(args.activations);
  for (std::int64_t n = begin; n < end; ++n) {
    for (std::int64_t first = 0; first < args.m; first += kRows) {
      const auto count =
          static_cast<int>(std::min<std::int64_t>(kRows, args.m - first));
      float sums[kRows];
      dot(weights, weights.data + n * bytes, x + first * stride, stride, count,
          sums);
      for (int i = 0; i < count; ++i) {
        args.out[(first + i) * args.out_stride + n] = sums[i];
      }
    }
  }
}

}  // namespace pilotfish::scalar
