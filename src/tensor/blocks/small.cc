// The formats with 32 elements a block. A byte of `quants` holds element j in
// its low half and element j + 16 in its high half.

#include "tensor/blocks.h"
#include "tensor/blocks/fields.h"

namespace pilotfish {

using namespace block;

// f16 d | 16 quants
void unpack_q4_0(const std::byte* block, float* out) {
  const float d = f16(block);
  const std::byte* quants = block + 2;
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(static_cast<int>(low(quants + j)) - 8);
    out[j + 16] =
        d * static_cast<float>(static_cast<int>(high(quants + j)) - 8);
  }
}

// f16 d | f16 m | 16 quants
void unpack_q4_1(const std::byte* block, float* out) {
  const float d = f16(block);
  const float m = f16(block + 2);
  const std::byte* quants = block + 4;
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(low(quants + j)) + m;
    out[j + 16] = d * static_cast<float>(high(quants + j)) + m;
  }
}

// f16 d | 32 fifth bits | 16 quants
void unpack_q5_0(const std::byte* block, float* out) {
  const float d = f16(block);
  const std::uint32_t fifth = u32(block + 2);
  const std::byte* quants = block + 6;
  for (int j = 0; j < 16; ++j) {
    const unsigned a = low(quants + j) | (fifth >> j & 1) << 4;
    const unsigned b = high(quants + j) | (fifth >> (j + 16) & 1) << 4;
    out[j] = d * static_cast<float>(static_cast<int>(a) - 16);
    out[j + 16] = d * static_cast<float>(static_cast<int>(b) - 16);
  }
}

// f16 d | f16 m | 32 fifth bits | 16 quants
void unpack_q5_1(const std::byte* block, float* out) {
  const float d = f16(block);
  const float m = f16(block + 2);
  const std::uint32_t fifth = u32(block + 4);
  const std::byte* quants = block + 8;
  for (int j = 0; j < 16; ++j) {
    const unsigned a = low(quants + j) | (fifth >> j & 1) << 4;
    const unsigned b = high(quants + j) | (fifth >> (j + 16) & 1) << 4;
    out[j] = d * static_cast<float>(a) + m;
    out[j + 16] = d * static_cast<float>(b) + m;
  }
}

// f16 d | 32 signed bytes, in order
void unpack_q8_0(const std::byte* block, float* out) {
  const float d = f16(block);
  for (int j = 0; j < 32; ++j) {
    out[j] = d * static_cast<float>(s8(block + 2 + j));
  }
}

// f16 d | 16 quants, which index the levels
void unpack_iq4_nl(const std::byte* block, float* out) {
  const float d = f16(block);
  const std::byte* quants = block + 2;
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(kNonLinear[low(quants + j)]);
    out[j + 16] = d * static_cast<float>(kNonLinear[high(quants + j)]);
  }
}

}  // namespace pilotfish
