#include "tensor/quantise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tensor/testing.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "base/cpu_features.h"
#endif

namespace pilotfish {
namespace {

// binary16 by its definition (IEEE 754), in float64.
double half_value(unsigned bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const int mantissa = static_cast<int>(bits & 1023);
  if (exponent == 31) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

// One block seen as the specification describes it: element by element, each
// field found by bit position from the block's start. Nothing here is shared
// with the code under test.
class Block {
 public:
  explicit Block(const std::byte* bytes) : bytes_(bytes) {}

  // `count` bits from bit `first` on, the least significant first.
  unsigned bits(int first, int count) const {
    unsigned value = 0;
    for (int i = 0; i < count; ++i) {
      const int at = first + i;
      const unsigned bit = static_cast<unsigned>(bytes_[at / 8]) >> (at % 8);
      value |= (bit & 1u) << i;
    }
    return value;
  }
  int byte(int at) const { return static_cast<int>(bits(8 * at, 8)); }
  int signed_byte(int at) const {
    return byte(at) < 128 ? byte(at) : byte(at) - 256;
  }
  double half(int at) const { return half_value(bits(8 * at, 16)); }

 private:
  const std::byte* bytes_;
};

// Where 4-bit element i of a 32-element group lies, in bits from its 16 bytes.
int nibble(int i) { return i < 16 ? 8 * i : 8 * (i - 16) + 4; }

double level(unsigned index) {
  constexpr double kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                1,    13,   25,  38,  53,  69,  89,  113};
  return kLevels[index];
}

// Six-bit scale (or, from 8 on, minimum) j of q4_k and q5_k, whose twelve bytes
// start at byte `at`.
double six_bits(const Block& b, int at, int j) {
  const bool minimum = j >= 8;
  const int group = j % 8;
  if (group < 4) return b.bits(8 * (at + group + (minimum ? 4 : 0)), 6);
  const unsigned low = b.bits(8 * (at + 8 + group - 4) + (minimum ? 4 : 0), 4);
  const unsigned top = b.bits(8 * (at + group - 4 + (minimum ? 4 : 0)) + 6, 2);
  return low + 16 * top;
}

double exact_small(DType dtype, const Block& b, int i) {
  switch (dtype) {
    case DType::kQ8_0:
      return b.half(0) * b.signed_byte(2 + i);
    case DType::kQ4_0:
      return b.half(0) * (static_cast<int>(b.bits(16 + nibble(i), 4)) - 8);
    case DType::kQ4_1:
      return b.half(0) * b.bits(32 + nibble(i), 4) + b.half(2);
    case DType::kQ5_0: {
      const unsigned q = b.bits(48 + nibble(i), 4) + 16 * b.bits(16 + i, 1);
      return b.half(0) * (static_cast<int>(q) - 16);
    }
    case DType::kQ5_1: {
      const unsigned q = b.bits(64 + nibble(i), 4) + 16 * b.bits(32 + i, 1);
      return b.half(0) * q + b.half(2);
    }
    case DType::kIQ4_NL:
      return b.half(0) * level(b.bits(16 + nibble(i), 4));
    default:
      ADD_FAILURE();
      return 0;
  }
}

double exact_super(DType dtype, const Block& b, int i) {
  const int half = i / 128;
  const int run = i % 128 / 32;  // of 32 elements within the half
  const int lane = i % 32;
  switch (dtype) {
    case DType::kQ2_K: {
      const unsigned q = b.bits(8 * (16 + 32 * half + lane) + 2 * run, 2);
      return b.half(80) * (b.byte(i / 16) % 16) * q -
             b.half(82) * (b.byte(i / 16) / 16);
    }
    case DType::kQ3_K: {
      const int group = i / 16;
      const unsigned low =
          b.bits(8 * (96 + group % 8) + (group < 8 ? 0 : 4), 4);
      const unsigned top = b.bits(8 * (104 + group % 4) + 2 * (group / 4), 2);
      const int scale = static_cast<int>(low + 16 * top) - 32;
      const unsigned q = b.bits(8 * (32 + 32 * half + lane) + 2 * run, 2) +
                         4 * b.bits(8 * lane + 4 * half + run, 1);
      return b.half(108) * scale * (static_cast<int>(q) - 4);
    }
    case DType::kQ4_K:
    case DType::kQ5_K: {
      const int group = i / 32;
      const int quants = dtype == DType::kQ4_K ? 16 : 48;
      unsigned q =
          b.bits(8 * (quants + i / 64 * 32 + lane) + 4 * (group % 2), 4);
      if (dtype == DType::kQ5_K) q += 16 * b.bits(8 * (16 + lane) + group, 1);
      return b.half(0) * six_bits(b, 4, group) * q -
             b.half(2) * six_bits(b, 4, group + 8);
    }
    case DType::kQ6_K: {
      const int bottom = 64 * half + (run % 2) * 32 + lane;
      const unsigned q = b.bits(8 * bottom + (run < 2 ? 0 : 4), 4) +
                         16 * b.bits(8 * (128 + 32 * half + lane) + 2 * run, 2);
      return b.half(208) * b.signed_byte(192 + i / 16) *
             (static_cast<int>(q) - 32);
    }
    case DType::kIQ4_XS: {
      const int group = i / 32;
      const unsigned scale =
          b.bits(32 + 4 * group, 4) + 16 * b.bits(16 + 2 * group, 2);
      return b.half(0) * (static_cast<int>(scale) - 32) *
             level(b.bits(64 + 128 * group + nibble(lane), 4));
    }
    default:
      ADD_FAILURE();
      return 0;
  }
}

TEST(QuantiseTest, UnpacksEveryBlockFormatAsSpecified) {
  std::mt19937 random(1);
  for (const DType dtype : test::kAllDTypes) {
    if (!is_quantised(dtype)) continue;
    const BlockShape shape = block_shape(dtype);
    constexpr int kBlocks = 200;
    const auto bytes =
        test::random_weights(dtype, kBlocks * shape.elements, random);
    std::vector<float> out(static_cast<size_t>(kBlocks * shape.elements));
    dequantise_row(dtype, bytes.data(), out.data(), kBlocks * shape.elements);
    for (int n = 0; n < kBlocks; ++n) {
      const Block block(bytes.data() + n * shape.bytes);
      for (int i = 0; i < shape.elements; ++i) {
        const double exact = shape.elements == 32
                                 ? exact_small(dtype, block, i)
                                 : exact_super(dtype, block, i);
        ASSERT_NEAR(out[static_cast<size_t>(n * shape.elements + i)], exact,
                    3e-7 * (std::fabs(exact) + 4))
            << dtype_name(dtype) << " element " << i;
      }
    }
  }
}

TEST(QuantiseTest, SourcesNeedNoAlignment) {
  std::mt19937 random(2);
  for (const DType dtype : test::kAllDTypes) {
    const std::int64_t n = 3 * block_shape(dtype).elements;
    const auto bytes = test::random_weights(dtype, n, random);
    std::vector<std::byte> shifted(1);
    shifted.insert(shifted.end(), bytes.begin(), bytes.end());
    std::vector<float> a(static_cast<size_t>(n)), b(a);
    dequantise_row(dtype, bytes.data(), a.data(), n);
    dequantise_row(dtype, shifted.data() + 1, b.data(), n);
    EXPECT_EQ(a, b) << dtype_name(dtype);
  }
}

TEST(HalfTest, EveryValueToFloatAndBack) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double exact = half_value(bits);
    const float value = f16_to_float(half);
    if (std::isnan(exact)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_TRUE(std::isnan(f16_to_float(float_to_f16(value)))) << bits;
      continue;
    }
    ASSERT_EQ(value, exact) << bits;
    ASSERT_EQ(std::signbit(value), bits >= 0x8000) << bits;
    ASSERT_EQ(float_to_f16(value), half) << bits;
  }
}

// The midpoint between neighbours a < b goes to the even one, and everything to
// either side of it to the nearer.
TEST(HalfTest, RoundsToNearestEven) {
  for (unsigned bits = 0; bits < 0x7c00; ++bits) {
    const double a = half_value(bits);
    const double b = bits == 0x7bff ? 65536 : half_value(bits + 1);
    const auto middle = static_cast<float>((a + b) / 2);
    const unsigned even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(float_to_f16(middle), even) << bits;
    ASSERT_EQ(float_to_f16(std::nextafter(middle, 0.0f)), bits) << bits;
    ASSERT_EQ(float_to_f16(std::nextafter(middle, 1e6f)), bits + 1) << bits;
    ASSERT_EQ(float_to_f16(-middle), even | 0x8000) << bits;
  }
  EXPECT_EQ(float_to_f16(1e30f), 0x7c00);
  EXPECT_EQ(float_to_f16(std::numeric_limits<float>::infinity()), 0x7c00);
  EXPECT_EQ(float_to_f16(-1e-30f), 0x8000);
}

#if defined(__x86_64__)
__attribute__((target("f16c"))) float hardware_to_float(std::uint16_t bits) {
  return _cvtsh_ss(bits);
}
__attribute__((target("f16c"))) std::uint16_t hardware_to_half(float value) {
  return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
}

TEST(HalfTest, AgreesWithTheProcessor) {
  if (!cpu_features().avx2) GTEST_SKIP() << "no F16C";
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(f16_to_float(half)),
              std::bit_cast<std::uint32_t>(hardware_to_float(half)));
  }
  std::mt19937 random(3);
  for (int i = 0; i < 1000000; ++i) {
    const auto value =
        std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    ASSERT_EQ(float_to_f16(value), hardware_to_half(value)) << value;
  }
}
#endif

TEST(Bf16Test, EveryValueToFloatAndBack) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto value = static_cast<std::uint16_t>(bits);
    const float wide = bf16_to_float(value);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(wide), bits << 16);
    if (std::isnan(wide)) {
      ASSERT_TRUE(std::isnan(bf16_to_float(float_to_bf16(wide))));
    } else {
      ASSERT_EQ(float_to_bf16(wide), value);
    }
  }
}

TEST(Bf16Test, RoundsToNearestEven) {
  for (unsigned bits = 0; bits < 0x7f80; ++bits) {
    const auto at = [&](std::uint32_t low) {
      return float_to_bf16(std::bit_cast<float>(bits << 16 | low));
    };
    ASSERT_EQ(at(0x7fff), bits);
    ASSERT_EQ(at(0x8000), bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(at(0x8001), bits + 1);
  }
  // A NaN whose payload lies in the bits cut off stays one.
  EXPECT_TRUE(std::isnan(
      bf16_to_float(float_to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

std::vector<float> round_trip(DType dtype, const std::vector<float>& values) {
  const auto n = static_cast<std::int64_t>(values.size());
  std::vector<std::byte> packed(static_cast<size_t>(row_bytes(dtype, n)));
  quantise_row(dtype, values.data(), packed.data(), n);
  std::vector<float> back(values.size());
  dequantise_row(dtype, packed.data(), back.data(), n);
  return back;
}

// Half a step of the block's scale, which is itself rounded to binary16; q4_0
// has a step to spare on one side only, so its far end may lose a whole one.
TEST(QuantiseTest, RoundTripErrors) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<float> values(32 * 500);
  for (float& value : values) value = normal(random);
  const auto q8 = round_trip(DType::kQ8_0, values);
  const auto q4 = round_trip(DType::kQ4_0, values);
  for (size_t block = 0; block < values.size(); block += 32) {
    float largest = 0;
    for (size_t i = block; i < block + 32; ++i) {
      largest = std::max(largest, std::fabs(values[i]));
    }
    for (size_t i = block; i < block + 32; ++i) {
      ASSERT_NEAR(q8[i], values[i], largest * (0.5 / 127 + 0x1p-11));
      ASSERT_NEAR(q4[i], values[i], largest * (1.0 / 8 + 0x1p-11));
      if (std::fabs(values[i]) <= largest * 7 / 8) {
        ASSERT_NEAR(q4[i], values[i], largest * (0.5 / 8 + 0x1p-11));
      }
    }
  }
  EXPECT_EQ(round_trip(DType::kF32, values), values);
}

TEST(QuantiseTest, ExtremeBlocks) {
  const std::vector<float> zeros(32, 0.0f);
  EXPECT_EQ(round_trip(DType::kQ8_0, zeros), zeros);
  EXPECT_EQ(round_trip(DType::kQ4_0, zeros), zeros);
  // The largest element is kept to within the scale's rounding.
  std::vector<float> spike(32, 0.0f);
  spike[7] = -3.5f;
  EXPECT_FLOAT_EQ(round_trip(DType::kQ4_0, spike)[7], -3.5f);
  // Values that a sound model does not hold must not be undefined behaviour.
  for (const float odd :
       {std::numeric_limits<float>::infinity(), std::nanf(""), 1e-40f, 3e38f}) {
    std::vector<float> values(32, 1.0f);
    values[3] = odd;
    round_trip(DType::kQ8_0, values);
    round_trip(DType::kQ4_0, values);
    round_trip(DType::kQ8_0, std::vector<float>(32, odd));
    round_trip(DType::kQ4_0, std::vector<float>(32, odd));
  }
}

// What first_lost lets pass comes back finite, what it stops does not.
TEST(QuantiseTest, KnowsTheFirstValueThatItWouldLose) {
  const float infinity = std::numeric_limits<float>::infinity();
  struct Case {
    DType dtype;
    float kept;
    float lost;
  };
  const Case cases[] = {
      {DType::kF16, 65519, 65520},
      {DType::kBF16, 3.389e38f, std::numeric_limits<float>::max()},
      {DType::kQ8_0, 65519.0f * 127, 65520.0f * 127},
      {DType::kQ4_0, 65519.0f * 8, 65520.0f * 8},
  };
  for (const Case& c : cases) {
    for (const float sign : {1.0f, -1.0f}) {
      std::vector<float> values(32, 0.5f);
      values[9] = sign * c.kept;
      EXPECT_EQ(first_lost(c.dtype, values), std::nullopt);
      EXPECT_TRUE(std::isfinite(round_trip(c.dtype, values)[9]));
      values[8] = sign * c.lost;
      EXPECT_EQ(first_lost(c.dtype, values), sign * c.lost);
      EXPECT_FALSE(std::isfinite(round_trip(c.dtype, values)[8]));
    }
  }
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0}) {
    EXPECT_TRUE(first_lost(dtype, std::vector<float>(32, std::nanf(""))));
    EXPECT_TRUE(first_lost(dtype, std::vector<float>(32, -infinity)));
  }
  EXPECT_EQ(first_lost(DType::kF32, std::vector<float>(1, infinity)),
            std::nullopt);
}

TEST(QuantiseTest, SaysWhatItCanPack) {
  for (const DType dtype : test::kAllDTypes) {
    const bool expected = dtype == DType::kF32 || dtype == DType::kF16 ||
                          dtype == DType::kBF16 || dtype == DType::kQ8_0 ||
                          dtype == DType::kQ4_0;
    EXPECT_EQ(can_quantise(dtype), expected) << dtype_name(dtype);
  }
}

}  // namespace
}  // namespace pilotfish
