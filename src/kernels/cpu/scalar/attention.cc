#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/cpu/scalar/steps.h"
#include "tensor/quantise.h"

namespace pilotfish::scalar {
namespace {

// Element `index` of an array of cache values.
float element(DType dtype, const std::byte* values, std::int64_t index) {
  if (dtype == DType::kQ8_0) {
    const std::byte* block = values + index / 32 * 34;
    std::uint16_t scale;
    std::memcpy(&scale, block, sizeof scale);
    return f16_to_float(scale) *
           static_cast<float>(static_cast<std::int8_t>(block[2 + index % 32]));
  }
  if (dtype == DType::kF32) {
    float value;
    std::memcpy(&value, values + index * 4, sizeof value);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, values + index * 2, sizeof bits);
  return dtype == DType::kBF16 ? bf16_to_float(bits) : f16_to_float(bits);
}

// One query head of one row: a pass over its positions that keeps the largest
// score so far, the sum of the weights relative to it, and the weighted values
// in `out`.
void attend(const AttentionArgs& args, const float* q, std::int64_t begin,
            std::int64_t end, float* out) {
  float largest = -std::numeric_limits<float>::infinity();
  float total = 0;
  std::fill(out, out + args.head_dim, 0.0f);
  for (std::int64_t position = begin; position < end; ++position) {
    const std::byte* keys = args.keys[position / args.block_size];
    const std::byte* values = args.values[position / args.block_size];
    const std::int64_t first = position % args.block_size * args.head_dim;
    float score = 0;
    for (std::int64_t d = 0; d < args.head_dim; ++d) {
      score += q[d] * element(args.dtype, keys, first + d);
    }
    score *= args.scale;
    if (score > largest) {
      const float correction = std::exp(largest - score);
      total *= correction;
      for (std::int64_t d = 0; d < args.head_dim; ++d) out[d] *= correction;
      largest = score;
    }
    const float weight = std::exp(score - largest);
    total += weight;
    for (std::int64_t d = 0; d < args.head_dim; ++d) {
      out[d] += weight * element(args.dtype, values, first + d);
    }
  }
  for (std::int64_t d = 0; d < args.head_dim; ++d) out[d] /= total;
}

}  // namespace

void attention(const AttentionArgs& args) {
  for (std::int64_t i = 0; i < args.m; ++i) {
    const std::int64_t end = args.first_position + i + 1;
    const std::int64_t begin =
        args.window > 0 ? std::max<std::int64_t>(0, end - args.window) : 0;
    for (std::int64_t head = 0; head < args.group; ++head) {
      const std::int64_t offset = head * args.head_dim;
      attend(args, args.q + i * args.q_stride + offset, begin, end,
             args.out + i * args.out_stride + offset);
    }
  }
}

}  // namespace pilotfish::scalar
