#ifndef PILOTFISH_TENSOR_QUANTISE_H_
#define PILOTFISH_TENSOR_QUANTISE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tensor/dtype.h"

namespace pilotfish {

// bfloat16 and binary16 bits to float, exactly; and back, rounding to nearest
// even (NaN stays NaN, binary16 overflows to infinity).
float bf16_to_float(std::uint16_t bits);
float f16_to_float(std::uint16_t bits);
std::uint16_t float_to_bf16(float value);
std::uint16_t float_to_f16(float value);

// Unpacks `elements` values stored at `source` (any alignment), which must be a
// multiple of the dtype's block. Every dtype is supported. Scalar and exact to
// the formats' definition; the kernels have faster ones.
void dequantise_row(DType dtype, const std::byte* source, float* out,
                    std::int64_t elements);

// Packs `elements` floats, again whole blocks. Supported: f32, f16, bf16, q8_0,
// q4_0 (rounding as ggml's reference quantisers); see can_quantise.
void quantise_row(DType dtype, const float* source, std::byte* out,
                  std::int64_t elements);
bool can_quantise(DType dtype);

// The first value of `row` that quantise_row would spoil; nullopt: none. In
// bf16 that is a number that becomes infinite, in f16 infinity itself too. In
// quantised blocks it is NaN, infinity and what makes the block's scale, which
// is f16, infinite.
std::optional<float> first_lost(DType dtype, std::span<const float> row);

}  // namespace pilotfish

#endif  // PILOTFISH_TENSOR_QUANTISE_H_
