#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>

#include "kernels/cpu/scalar/steps.h"
#include "kernels/packed_matrix.h"

namespace pilotfish::scalar {
namespace {

// 32 activations as integers: x = scale * quants.
struct QuantisedBlock {
  float scale;
  std::int8_t quants[kPackedColumns];
};

QuantisedBlock quantise_block(const float* x) {
  std::uint32_t bits = 0;  // of the largest magnitude, or of a NaN
  for (std::int64_t c = 0; c < kPackedColumns; ++c) {
    bits = std::max(bits, std::bit_cast<std::uint32_t>(x[c]) & 0x7fffffff);
  }
  QuantisedBlock block = {};
  block.scale = std::bit_cast<float>(bits) / 127;
  if (block.scale < 0x1p-126f) block.scale = 0;
  const float inverse = block.scale == 0 ? 0 : 1 / block.scale;
  for (std::int64_t c = 0; c < kPackedColumns; ++c) {
    const float value = std::nearbyint(x[c] * inverse);
    block.quants[c] =
        std::isfinite(value) ? static_cast<std::int8_t>(value) : std::int8_t{0};
  }
  return block;
}

std::int32_t dot(const PackedBlock& weights, const QuantisedBlock& x,
                 std::int64_t begin, std::int64_t end) {
  std::int32_t sum = 0;
  for (std::int64_t c = begin; c < end; ++c) {
    sum += weights.quants[c] * x.quants[c];
  }
  return sum;
}

// One addition for each scale and one for a minimum: the order of every set.
void add_block(const PackedBlock& weights, const QuantisedBlock& x,
               bool has_two_scales, float& sum) {
  const auto add = [&](std::int32_t product, float scale) {
    sum = std::fma(static_cast<float>(product), scale * x.scale, sum);
  };
  if (has_two_scales) {
    add(dot(weights, x, 0, 16), weights.scales[0]);
    add(dot(weights, x, 16, 32), weights.scales[1]);
    return;
  }
  add(dot(weights, x, 0, 32), weights.scales[0]);
  if (weights.minimum != 0) {
    const int total = std::accumulate(x.quants, x.quants + kPackedColumns, 0);
    sum = std::fma(-weights.minimum, static_cast<float>(total) * x.scale, sum);
  }
}

}  // namespace

std::int64_t packed_activation_bytes(DType /*weights*/, std::int64_t columns) {
  return columns / kPackedColumns *
         static_cast<std::int64_t>(sizeof(QuantisedBlock));
}

void pack_quantised_activations(DType /*weights*/, const float* x,
                                std::int64_t columns, std::int64_t row,
                                std::int64_t m, std::byte* out) {
  for (std::int64_t b = 0; b < columns / kPackedColumns; ++b) {
    const QuantisedBlock block = quantise_block(x + b * kPackedColumns);
    std::memcpy(
        out + (b * m + row) * static_cast<std::int64_t>(sizeof(QuantisedBlock)),
        &block, sizeof block);
  }
}

void packed_matmul(const MatmulArgs& args, std::int64_t begin,
                   std::int64_t end) {
  const auto* input = reinterpret_cast<const QuantisedBlock*>(args.activations);
  const bool has_two_scales = args.weights.dtype == DType::kQ6_K;
  for (std::int64_t n = begin; n < end; ++n) {
    for (std::int64_t i = 0; i < args.m; ++i) {
      args.out[i * args.out_stride + n] = 0;
    }
    for (std::int64_t b = 0; b < args.weights.columns / kPackedColumns; ++b) {
      const PackedBlock weights = packed_block(args.weights, n, b);
      for (std::int64_t i = 0; i < args.m; ++i) {
        const QuantisedBlock& x = input[b * args.m + i];
        float& sum = args.out[i * args.out_stride + n];
        add_block(weights, x, has_two_scales, sum);
      }
    }
  }
}

}  // namespace pilotfish::scalar
