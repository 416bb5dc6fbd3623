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

// iq4_nl's and iq4_xs's sixteen levels, denser near zero.
inline constexpr std::int8_t kNonLinear[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace pilotfish::block

#endif  // PILOTFISH_TENSOR_BLOCKS_FIELDS_H_
