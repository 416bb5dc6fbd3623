#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/testing.h"
#include "tensor/testing.h"

namespace pilotfish {
namespace {

using test::BytesAtPageEnd;
using test::random_floats;
using test::same_bits;

constexpr std::int64_t kSizes[] = {1,  2,  3,  7,  8,  9,   15,  16,  17,
                                   24, 31, 33, 63, 64, 100, 172, 288, 2048};

class ElementwiseTest : public test::EverySet {};

TEST_P(ElementwiseTest, RmsNorm) {
  std::mt19937 random(1);
  for (const std::int64_t n : kSizes) {
    const BytesAtPageEnd x(random_floats(n, random, 3));
    const BytesAtPageEnd weight(random_floats(n, random));
    const BytesAtPageEnd out(std::vector<float>(static_cast<size_t>(n)));
    const float epsilon = 1e-5f;
    kernels().rms_norm(x.floats(), weight.floats(), epsilon, out.floats(), n);
    double squares = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      squares += std::pow(static_cast<double>(x.floats()[i]), 2);
    }
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) +
                                       static_cast<double>(epsilon));
    for (std::int64_t i = 0; i < n; ++i) {
      const double exact = static_cast<double>(x.floats()[i]) * scale *
                           static_cast<double>(weight.floats()[i]);
      ASSERT_NEAR(out.floats()[i], exact, 1e-6 * std::fabs(exact)) << n;
    }
    kernels().rms_norm(x.floats(), weight.floats(), epsilon, x.floats(), n);
    ASSERT_TRUE(same_bits(x.floats(), out.floats(), n)) << "in place, " << n;
  }
}

TEST_P(ElementwiseTest, RopeTurnsPairs) {
  std::mt19937 random(2);
  for (const bool interleaved : {false, true}) {
    for (std::int64_t rotary = 2; rotary <= 140; rotary += 2) {
      const std::int64_t pairs = rotary / 2;
      std::vector<float> cosines, sines;
      for (const float angle : random_floats(pairs, random, 10)) {
        cosines.push_back(std::cos(angle));
        sines.push_back(std::sin(angle));
      }
      const BytesAtPageEnd c(cosines);
      const BytesAtPageEnd s(sines);
      const auto before = random_floats(rotary, random);
      const BytesAtPageEnd head(before);
      kernels().rope(head.floats(), c.floats(), s.floats(), rotary,
                     interleaved);
      for (std::int64_t i = 0; i < pairs; ++i) {
        const std::int64_t first = interleaved ? 2 * i : i;
        const std::int64_t second = interleaved ? 2 * i + 1 : i + pairs;
        const double a = before[static_cast<size_t>(first)];
        const double b = before[static_cast<size_t>(second)];
        const double cosine = cosines[static_cast<size_t>(i)];
        const double sine = sines[static_cast<size_t>(i)];
        ASSERT_NEAR(head.floats()[first], a * cosine - b * sine, 1e-6)
            << rotary << " pair " << i << " interleaved " << interleaved;
        ASSERT_NEAR(head.floats()[second], b * cosine + a * sine, 1e-6);
      }
    }
  }
}

// Elements of the head after the rotary ones stay.
TEST_P(ElementwiseTest, RopeLeavesTheRestOfTheHead) {
  std::mt19937 random(3);
  for (const bool interleaved : {false, true}) {
    for (const std::int64_t rotary : {2, 6, 8, 20, 32, 48}) {
      const auto angles = random_floats(rotary / 2, random);
      const auto before = random_floats(64, random);
      auto head = before;
      kernels().rope(head.data(), angles.data(), angles.data(), rotary,
                     interleaved);
      ASSERT_TRUE(
          same_bits(head.data() + rotary, before.data() + rotary, 64 - rotary));
    }
  }
}

double exact_silu(float x) {
  return static_cast<double>(x) / (1 + std::exp(-static_cast<double>(x)));
}

TEST_P(ElementwiseTest, SiluMultiply) {
  std::mt19937 random(4);
  for (const std::int64_t n : kSizes) {
    const BytesAtPageEnd gate(random_floats(n, random, 4));
    const BytesAtPageEnd up(random_floats(n, random));
    const BytesAtPageEnd out(std::vector<float>(static_cast<size_t>(n)));
    kernels().silu_multiply(gate.floats(), up.floats(), out.floats(), n);
    for (std::int64_t i = 0; i < n; ++i) {
      const double exact =
          exact_silu(gate.floats()[i]) * static_cast<double>(up.floats()[i]);
      ASSERT_NEAR(out.floats()[i], exact, 4e-7 * std::fabs(exact)) << n;
    }
    kernels().silu_multiply(gate.floats(), up.floats(), gate.floats(), n);
    ASSERT_TRUE(same_bits(gate.floats(), out.floats(), n)) << "in place, " << n;
  }
}

// silu(-x) = -x / (1 + e^x) shows the exponential: over its whole range, in
// units of the result's last place.
TEST_P(ElementwiseTest, ExponentialOverItsRange) {
  std::vector<float> gate;
  for (int i = -88 * 512; i <= 88 * 512; ++i) {
    gate.push_back(static_cast<float>(i) / 512 + 1e-4f);
  }
  std::vector<float> out(gate.size());
  const std::vector<float> ones(gate.size(), 1.0f);
  kernels().silu_multiply(gate.data(), ones.data(), out.data(),
                          static_cast<std::int64_t>(gate.size()));
  for (size_t i = 0; i < gate.size(); ++i) {
    const double exact = exact_silu(gate[i]);
    const double place = std::ldexp(1.0, std::ilogb(exact) - 23);
    ASSERT_NEAR(out[i], exact, 2.5 * place) << gate[i];
  }
}

TEST_P(ElementwiseTest, SiluAtTheEnds) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> gate = {-1e30f, -200,  -0.0f,    0,
                                   200,    1e30f, infinity, std::nanf("")};
  const std::vector<float> ones(gate.size(), 1.0f);
  std::vector<float> out(gate.size());
  kernels().silu_multiply(gate.data(), ones.data(), out.data(),
                          static_cast<std::int64_t>(gate.size()));
  EXPECT_THAT(std::vector<float>(out.begin(), out.end() - 1),
              testing::ElementsAre(0, 0, 0, 0, 200, 1e30f, infinity));
  EXPECT_TRUE(std::isnan(out.back()));
}

TEST_P(ElementwiseTest, Add) {
  std::mt19937 random(5);
  for (const std::int64_t n : kSizes) {
    const BytesAtPageEnd x(random_floats(n, random));
    const auto before = random_floats(n, random);
    const BytesAtPageEnd sum(before);
    kernels().add(x.floats(), sum.floats(), n);
    for (std::int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(sum.floats()[i],
                before[static_cast<size_t>(i)] + x.floats()[i]);
    }
  }
}

// Every binary16 and bfloat16 boundary: all halves, their neighbours as floats,
// the midpoints between them, infinities, NaN and subnormals.
TEST_P(ElementwiseTest, StoreRoundsAsTheReference) {
  std::vector<float> values;
  for (std::uint32_t bits = 0; bits < 0x10000; bits += 3) {
    const float half = f16_to_float(static_cast<std::uint16_t>(bits));
    values.push_back(half);
    values.push_back(half * 1.00048828125f);  // half a unit up
    values.push_back(std::nextafter(values.back(), 1e30f));
    values.push_back(std::bit_cast<float>(bits << 16));
    values.push_back(std::bit_cast<float>(bits << 16 | 0x8000));
    values.push_back(std::bit_cast<float>(bits << 16 | 0x8001));
  }
  const auto n = static_cast<std::int64_t>(values.size());
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    std::vector<std::byte> expected(static_cast<size_t>(row_bytes(dtype, n)));
    std::vector<std::byte> stored(expected.size());
    quantise_row(dtype, values.data(), expected.data(), n);
    kernels().store(dtype, values.data(), stored.data(), n);
    ASSERT_EQ(stored, expected) << dtype_name(dtype);
  }
}

TEST_P(ElementwiseTest, StoreAndDequantiseKeepToTheirRows) {
  std::mt19937 random(6);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const std::int64_t n : kSizes) {
      const auto values = random_floats(n, random);
      std::vector<std::byte> expected(static_cast<size_t>(row_bytes(dtype, n)));
      quantise_row(dtype, values.data(), expected.data(), n);
      const BytesAtPageEnd stored{std::vector<std::byte>(expected.size())};
      kernels().store(dtype, values.data(), stored.data(), n);
      ASSERT_EQ(std::memcmp(stored.data(), expected.data(), expected.size()),
                0);
    }
  }
}

TEST_P(ElementwiseTest, DequantiseEveryType) {
  std::mt19937 random(7);
  for (const DType dtype : test::kAllDTypes) {
    const std::int64_t block = block_shape(dtype).elements;
    for (const std::int64_t blocks : {1, 2, 3, 7, 37}) {
      const std::int64_t n = block * blocks;
      const auto source = test::random_weights(dtype, n, random);
      std::vector<float> expected(static_cast<size_t>(n));
      dequantise_row(dtype, source.data(), expected.data(), n);
      const BytesAtPageEnd guarded(source);
      const BytesAtPageEnd out(std::vector<float>(static_cast<size_t>(n)));
      kernels().dequantise(dtype, guarded.data(), out.floats(), n);
      for (std::int64_t i = 0; i < n; ++i) {
        // Scale and minimum may be rounded once or twice.
        ASSERT_NEAR(out.floats()[i], expected[static_cast<size_t>(i)], 1e-5)
            << dtype_name(dtype) << " element " << i;
      }
    }
  }
}

PILOTFISH_TEST_EVERY_SET(ElementwiseTest);

}  // namespace
}  // namespace pilotfish
