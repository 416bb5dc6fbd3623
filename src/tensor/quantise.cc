#include "tensor/quantise.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

#include "tensor/blocks.h"

namespace pilotfish {
namespace {

std::uint16_t load_u16(const std::byte* p) {
  std::uint16_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

void store_u16(std::byte* p, std::uint16_t value) {
  std::memcpy(p, &value, sizeof value);
}

// Nearest integer, ties away from zero, in [low, high]; 0 for NaN.
int round_clamped(float value, int low, int high) {
  if (std::isnan(value)) return 0;
  return static_cast<int>(std::clamp(std::round(value), static_cast<float>(low),
                                     static_cast<float>(high)));
}

// d = max |x| / 127, q = round(x / d).
void quantise_q8_0(const float* x, std::byte* out) {
  float largest = 0;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float d = largest / 127;
  const float inverse = d != 0 ? 1 / d : 0;
  store_u16(out, float_to_f16(d));
  for (int i = 0; i < 32; ++i) {
    out[2 + i] =
        static_cast<std::byte>(round_clamped(x[i] * inverse, -127, 127));
  }
}

// The element furthest from zero becomes -8: d = that / -8, q = x / d + 8.
void quantise_q4_0(const float* x, std::byte* out) {
  float extreme = 0;
  for (int i = 0; i < 32; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  const float d = extreme / -8;
  const float inverse = d != 0 ? 1 / d : 0;
  store_u16(out, float_to_f16(d));
  const auto nibble = [&](float value) {
    return round_clamped(std::floor(value * inverse + 8.5f), 0, 15);
  };
  for (int i = 0; i < 16; ++i) {
    out[2 + i] = static_cast<std::byte>(nibble(x[i]) | nibble(x[i + 16]) << 4);
  }
}

using BlockUnpacker = void (*)(const std::byte* block, float* out);

BlockUnpacker unpacker(DType dtype) {
  switch (dtype) {
    case DType::kQ8_0:
      return unpack_q8_0;
    case DType::kQ4_0:
      return unpack_q4_0;
    case DType::kQ4_1:
      return unpack_q4_1;
    case DType::kQ5_0:
      return unpack_q5_0;
    case DType::kQ5_1:
      return unpack_q5_1;
    case DType::kQ2_K:
      return unpack_q2_k;
    case DType::kQ3_K:
      return unpack_q3_k;
    case DType::kQ4_K:
      return unpack_q4_k;
    case DType::kQ5_K:
      return unpack_q5_k;
    case DType::kQ6_K:
      return unpack_q6_k;
    case DType::kIQ4_NL:
      return unpack_iq4_nl;
    case DType::kIQ4_XS:
      return unpack_iq4_xs;
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      break;
  }
  assert(false);
  return nullptr;
}

}  // namespace

float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

float f16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const std::uint32_t exponent = (bits >> 10) & 31;
  const std::uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0) {  // zero or subnormal: mantissa units of 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  if (exponent == 31) {  // infinity, or NaN made quiet as the hardware does
    const std::uint32_t quiet = mantissa != 0 ? 0x400000 : 0;
    return std::bit_cast<float>(sign | 0x7f800000 | quiet | mantissa << 13);
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

std::uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  const std::uint32_t odd = (bits >> 16) & 1;
  return static_cast<std::uint16_t>((bits + 0x7fff + odd) >> 16);
}

std::uint16_t float_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000;
  const std::uint32_t magnitude = bits & 0x7fffffff;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000) {  // NaN keeps the top of its payload
    half = 0x7e00 | (magnitude >> 13 & 0x3ff);
  } else if (magnitude >= 0x477ff000) {  // 65520 and up rounds to infinity
    half = 0x7c00;
  } else if (magnitude < 0x38800000) {  // below 2^-14: units of 2^-24
    // Adding 0.5 leaves the rounded count of units in the mantissa's low bits.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    half = std::bit_cast<std::uint32_t>(shifted) - 0x3f000000;
  } else {
    const std::uint32_t odd = magnitude >> 13 & 1;
    half = (magnitude - 0x38000000 + 0xfff + odd) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

void dequantise_row(DType dtype, const std::byte* source, float* out,
                    std::int64_t elements) {
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out, source, static_cast<size_t>(elements) * sizeof(float));
      return;
    case DType::kF16:
      for (std::int64_t i = 0; i < elements; ++i) {
        out[i] = f16_to_float(load_u16(source + 2 * i));
      }
      return;
    case DType::kBF16:
      for (std::int64_t i = 0; i < elements; ++i) {
        out[i] = bf16_to_float(load_u16(source + 2 * i));
      }
      return;
    default:
      break;
  }
  const BlockShape block = block_shape(dtype);
  const BlockUnpacker unpack = unpacker(dtype);
  assert(elements % block.elements == 0);
  for (std::int64_t i = 0; i < elements; i += block.elements) {
    unpack(source, out + i);
    source += block.bytes;
  }
}

bool can_quantise(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ8_0:
    case DType::kQ4_0:
      return true;
    default:
      return false;
  }
}

void quantise_row(DType dtype, const float* source, std::byte* out,
                  std::int64_t elements) {
  assert(can_quantise(dtype));
  if (dtype == DType::kF32) {
    std::memcpy(out, source, static_cast<size_t>(elements) * sizeof(float));
    return;
  }
  if (dtype == DType::kF16 || dtype == DType::kBF16) {
    const auto convert = dtype == DType::kF16 ? float_to_f16 : float_to_bf16;
    for (std::int64_t i = 0; i < elements; ++i) {
      store_u16(out + 2 * i, convert(source[i]));
    }
    return;
  }
  const BlockShape block = block_shape(dtype);
  const auto quantise = dtype == DType::kQ8_0 ? quantise_q8_0 : quantise_q4_0;
  assert(elements % block.elements == 0);
  for (std::int64_t i = 0; i < elements; i += block.elements) {
    quantise(source + i, out);
    out += block.bytes;
  }
}

std::optional<float> first_lost(DType dtype, std::span<const float> row) {
  // The largest magnitudes that stay finite: f16 rounds 65520 up to infinity.
  constexpr float kF16End = 65520;
  const auto first = [&](auto is_lost) -> std::optional<float> {
    const auto found = std::ranges::find_if(row, is_lost);
    return found == row.end() ? std::nullopt : std::optional(*found);
  };
  switch (dtype) {
    case DType::kF16:
      return first([](float value) { return std::fabs(value) >= kF16End; });
    case DType::kBF16:
      return first([](float value) {
        return std::isfinite(value) &&
               std::isinf(bf16_to_float(float_to_bf16(value)));
      });
    case DType::kQ8_0:
      return first(
          [](float value) { return !(std::fabs(value) / 127 < kF16End); });
    case DType::kQ4_0:
      return first(
          [](float value) { return !(std::fabs(value) / 8 < kF16End); });
    default:
      return std::nullopt;
  }
}

}  // namespace pilotfish
