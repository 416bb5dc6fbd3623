#ifndef PILOTFISH_TENSOR_BLOCKS_FIELDS_H_
#define PILOTFISH_TENSOR_BLOCKS_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/quantise.h"

// Reading a block's fields from its bytes.
namespace pilotfish::block {

inline unsigned u8(const std::byte* p) { return static_cast<unsigned>(*p); }
inline int s8(const std::byte* p) { return static_cast<std::int8_t>(*p); }

inline std::uint16_t u16(const std::byte* p) {
  std::uint16_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline std::uint32_t u32(const std::byte* p) {
  std::uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline float f16(const std::byte* p) { return f16_to_float(u16(p)); }

inline unsigned low(const std::byte* p) { return u8(p) & 15; }
inline unsigned high(const std::byte* p) { return u8(p) >> 4; }

// q4_k and q5_k pack eight 6-bit scales and eight 6-bit minima in 12 bytes: the
// first four of each in the low six bits of bytes 0-3 and 4-7; the other four
// in the halves of bytes 8-11 and the top two bits of the first eight.
struct ScaleAndMinimum {
  unsigned scale;
  unsigned minimum;
};
inline ScaleAndMinimum scale_and_minimum(const std::byte* packed, int group) {
  const auto at = [&](int i) { return u8(packed + i); };
  if (group < 4) return {at(group) & 63, at(group + 4) & 63};
  return {(at(group + 4) & 15) | (at(group - 4) >> 6) << 4,
          (at(group + 4) >> 4) | (at(group) >> 6) << 4};
}

// iq4_nl's and iq4_xs's sixteen levels, denser near zero.
inline constexpr std::int8_t kNonLinear[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace pilotfish::block

#endif  // PILOTFISH_TENSOR_BLOCKS_FIELDS_H_
