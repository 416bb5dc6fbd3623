#ifndef PILOTFISH_TENSOR_TESTING_H_
#define PILOTFISH_TENSOR_TESTING_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/quantise.h"

// Random weights of every dtype, for the tests of this and other layers.
namespace pilotfish::test {

inline constexpr DType kAllDTypes[] = {
    DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ8_0,   DType::kQ4_0,
    DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ2_K,   DType::kQ3_K,
    DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS,
};

// Where a block keeps its binary16 scales (and minima).
inline std::vector<std::int64_t> scale_offsets(DType dtype) {
  switch (dtype) {
    case DType::kQ8_0:
    case DType::kQ4_0:
    case DType::kQ5_0:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
      return {0};
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return {0, 2};
    case DType::kQ2_K:
      return {80, 82};
    case DType::kQ3_K:
      return {108};
    case DType::kQ6_K:
      return {208};
    default:
      return {};
  }
}

// `elements` values, whole blocks: any bits in the quantised fields, scales of
// ordinary size, plain types normally distributed.
inline std::vector<std::byte> random_weights(DType dtype, std::int64_t elements,
                                             std::mt19937& random) {
  std::vector<std::byte> bytes(static_cast<size_t>(row_bytes(dtype, elements)));
  std::normal_distribution<float> normal;
  if (!is_quantised(dtype)) {
    std::vector<float> values(static_cast<size_t>(elements));
    for (float& value : values) value = normal(random);
    quantise_row(dtype, values.data(), bytes.data(), elements);
    return bytes;
  }
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  const BlockShape block = block_shape(dtype);
  for (std::int64_t at = 0; at < row_bytes(dtype, elements);
       at += block.bytes) {
    for (const std::int64_t offset : scale_offsets(dtype)) {
      const std::uint16_t scale = float_to_f16(0.05f * normal(random));
      std::memcpy(bytes.data() + at + offset, &scale, sizeof scale);
    }
  }
  return bytes;
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TENSOR_TESTING_H_
