// The formats with 256 elements a block, in groups of 16 or 32 with a scale
// (and in some a minimum) of their own.

#include "tensor/blocks.h"
#include "tensor/blocks/fields.h"

namespace pilotfish {

using namespace block;

// 16 scale | minimum << 4 | 64 quants of 2 bits | f16 d | f16 dmin
// Groups of 16. Each half of 128 elements has 32 bytes; the elements' bits 0-1
// hold its first 32 elements, bits 2-3 the next, and so on.
void unpack_q2_k(const std::byte* block, float* out) {
  const std::byte* scales = block;
  const float d = f16(block + 80);
  const float dmin = f16(block + 82);
  for (int group = 0; group < 16; ++group) {
    const float scale = d * static_cast<float>(low(scales + group));
    const float minimum = dmin * static_cast<float>(high(scales + group));
    const int half = group / 8;
    const int shift = group % 8 / 2 * 2;
    const std::byte* quants = block + 16 + 32 * half + 16 * (group % 2);
    for (int l = 0; l < 16; ++l) {
      const unsigned q = u8(quants + l) >> shift & 3;
      *out++ = scale * static_cast<float>(q) - minimum;
    }
  }
}

// 32 bytes of third bits | 64 quants of 2 bits as in q2_k | 12 scales | f16 d
// Groups of 16. Byte l of the third bits serves the elements l + 32 i in bit i;
// a bit that is clear subtracts 4. The scales are 6 bits less 32: the low four
// in the halves of bytes 0-7, the top two in bytes 8-11.
void unpack_q3_k(const std::byte* block, float* out) {
  const std::byte* third = block;
  const std::byte* scales = block + 96;
  const float d = f16(block + 108);
  for (int group = 0; group < 16; ++group) {
    const unsigned bottom =
        group < 8 ? low(scales + group) : high(scales + group - 8);
    const unsigned top = u8(scales + 8 + group % 4) >> (group / 4 * 2) & 3;
    const float scale =
        d * static_cast<float>(static_cast<int>(bottom | top << 4) - 32);
    const int half = group / 8;
    const int shift = group % 8 / 2 * 2;
    const int first = 16 * (group % 2);
    const std::byte* quants = block + 32 + 32 * half + first;
    for (int l = 0; l < 16; ++l) {
      const int q = static_cast<int>(u8(quants + l) >> shift & 3);
      const bool set = u8(third + first + l) >> (group / 2) & 1;
      *out++ = scale * static_cast<float>(set ? q : q - 4);
    }
  }
}

// f16 d | f16 dmin | 12 scales and minima | 128 quants
// Groups of 32; two of them share 32 bytes, low halves first.
void unpack_q4_k(const std::byte* block, float* out) {
  const float d = f16(block);
  const float dmin = f16(block + 2);
  for (int group = 0; group < 8; ++group) {
    const ScaleAndMinimum s = scale_and_minimum(block + 4, group);
    const float scale = d * static_cast<float>(s.scale);
    const float minimum = dmin * static_cast<float>(s.minimum);
    const std::byte* quants = block + 16 + 32 * (group / 2);
    for (int l = 0; l < 32; ++l) {
      const unsigned q = u8(quants + l) >> (4 * (group % 2)) & 15;
      *out++ = scale * static_cast<float>(q) - minimum;
    }
  }
}

// f16 d | f16 dmin | 12 scales and minima | 32 fifth bits | 128 quants
// As q4_k; bit `group` of fifth byte l belongs to the group's element l.
void unpack_q5_k(const std::byte* block, float* out) {
  const float d = f16(block);
  const float dmin = f16(block + 2);
  const std::byte* fifth = block + 16;
  for (int group = 0; group < 8; ++group) {
    const ScaleAndMinimum s = scale_and_minimum(block + 4, group);
    const float scale = d * static_cast<float>(s.scale);
    const float minimum = dmin * static_cast<float>(s.minimum);
    const std::byte* quants = block + 48 + 32 * (group / 2);
    for (int l = 0; l < 32; ++l) {
      const unsigned q = (u8(quants + l) >> (4 * (group % 2)) & 15) |
                         (u8(fifth + l) >> group & 1) << 4;
      *out++ = scale * static_cast<float>(q) - minimum;
    }
  }
}

// 128 low halves | 64 top pairs of bits | 16 signed scales | f16 d
// Groups of 16. In each half of 128 elements, run r of 32 takes the low (r < 2)
// or high halves of 32 bytes out of 64, and bits 2 r of 32 other bytes.
void unpack_q6_k(const std::byte* block, float* out) {
  const float d = f16(block + 208);
  for (int half = 0; half < 2; ++half) {
    for (int run = 0; run < 4; ++run) {
      const std::byte* bottom = block + 64 * half + 32 * (run % 2);
      const std::byte* top = block + 128 + 32 * half;
      const std::byte* scales = block + 192 + 8 * half + 2 * run;
      for (int l = 0; l < 32; ++l) {
        const float scale = d * static_cast<float>(s8(scales + l / 16));
        const unsigned q = (u8(bottom + l) >> (run / 2 * 4) & 15) |
                           (u8(top + l) >> (2 * run) & 3) << 4;
        *out++ = scale * static_cast<float>(static_cast<int>(q) - 32);
      }
    }
  }
}

// f16 d | u16 scales' top pairs of bits | 4 scales' low halves | 128 quants
// Groups of 32, each laid out as a block of iq4_nl; scales are 6 bits less 32.
void unpack_iq4_xs(const std::byte* block, float* out) {
  const float d = f16(block);
  const unsigned tops = u16(block + 2);
  for (int group = 0; group < 8; ++group) {
    const unsigned bottom = u8(block + 4 + group / 2) >> (4 * (group % 2)) & 15;
    const unsigned top = tops >> (2 * group) & 3;
    const float scale =
        d * static_cast<float>(static_cast<int>(bottom | top << 4) - 32);
    const std::byte* quants = block + 8 + 16 * group;
    for (int j = 0; j < 16; ++j) {
      out[j] = scale * static_cast<float>(kNonLinear[low(quants + j)]);
      out[j + 16] = scale * static_cast<float>(kNonLinear[high(quants + j)]);
    }
    out += 32;
  }
}

}  // namespace pilotfish
