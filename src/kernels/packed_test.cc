#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/packed_matrix.h"
#include "kernels/testing.h"
#include "tensor/testing.h"

namespace pilotfish {
namespace {

using test::BytesAtPageEnd;
using test::kGuard;
using test::random_floats;
using test::random_weights;
using test::same_bits;

const std::vector<DType> kQuantisedTypes = {
    DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

std::vector<DType> with_bf16() {
  std::vector<DType> types = kQuantisedTypes;
  types.push_back(DType::kBF16);
  return types;
}

PackedMatrix pack_all(DType dtype, const std::vector<std::byte>& rows,
                      std::int64_t n, std::int64_t columns) {
  PackedMatrix matrix(dtype, n, columns);
  for (std::int64_t group = 0; group < matrix.groups(); ++group) {
    matrix.pack(group,
                rows.data() + group * kPackedRows * row_bytes(dtype, columns));
  }
  return matrix;
}

std::vector<float> dequantised(DType dtype, const std::vector<std::byte>& rows,
                               std::int64_t n, std::int64_t columns) {
  std::vector<float> values(static_cast<size_t>(n * columns));
  dequantise_row(dtype, rows.data(), values.data(), n * columns);
  return values;
}

TEST(PackedMatrix, KeepsEveryWeight) {
  std::mt19937 random(1);
  for (const DType dtype : with_bf16()) {
    const std::int64_t block =
        std::max(block_shape(dtype).elements, kPackedColumns);
    for (const std::int64_t columns :
         {block, 3 * block, 2048 / block * block}) {
      const std::int64_t rows = 48;
      const auto bytes = random_weights(dtype, rows * columns, random);
      const auto expected = dequantised(dtype, bytes, rows, columns);
      const PackedMatrix matrix = pack_all(dtype, bytes, rows, columns);
      std::vector<float> row(static_cast<size_t>(columns));
      for (std::int64_t n = 0; n < rows; ++n) {
        dequantise_weights(kernels_named("scalar"), matrix.weights(), n,
                           row.data());
        ASSERT_TRUE(
            same_bits(row.data(), expected.data() + n * columns, columns))
            << dtype_name(dtype) << " row " << n << ", columns " << columns;
      }
    }
  }
}

TEST(PackedMatrix, IsForWholeGroupsOfTypesThatHaveALayout) {
  EXPECT_TRUE(PackedMatrix::supports(DType::kQ8_0, 32, 32));
  EXPECT_TRUE(PackedMatrix::supports(DType::kBF16, 32, 32));
  EXPECT_FALSE(PackedMatrix::supports(DType::kQ8_0, 40, 32));
  EXPECT_FALSE(PackedMatrix::supports(DType::kBF16, 32, 40));
  EXPECT_FALSE(PackedMatrix::supports(DType::kF16, 32, 32));
  EXPECT_FALSE(PackedMatrix::supports(DType::kIQ4_NL, 32, 32));
}

// What the kernels round activations to: bf16, or int8 with a scale for 32
// columns.
std::vector<double> rounded_for(DType dtype, const std::vector<float>& x) {
  std::vector<double> result;
  if (dtype == DType::kBF16) {
    for (const float value : x) {
      result.push_back(
          static_cast<double>(bf16_to_float(float_to_bf16(value))));
    }
    return result;
  }
  for (size_t first = 0; first < x.size(); first += 32) {
    float largest = 0;
    for (size_t c = first; c < first + 32; ++c) {
      largest = std::max(largest, std::fabs(x[c]));
    }
    const float scale = largest / 127;
    const float inverse = scale > 0 ? 1 / scale : 0;
    for (size_t c = first; c < first + 32; ++c) {
      result.push_back(static_cast<double>(scale) *
                       std::nearbyint(static_cast<double>(x[c] * inverse)));
    }
  }
  return result;
}

class PackedMatmulTest : public test::EverySet {
 protected:
  std::vector<DType> types() const {
    return kernels().packed.has_bf16 ? with_bf16() : kQuantisedTypes;
  }

  // As MatmulTest::product.
  std::vector<float> product(const WeightMatrix& weights,
                             const std::vector<float>& x, std::int64_t m,
                             std::int64_t begin, std::int64_t end) const {
    const PackedKernels& packed = kernels().packed;
    const std::int64_t columns = weights.columns;
    std::vector<std::byte> input(static_cast<size_t>(
        m * packed.activation_bytes(weights.dtype, columns)));
    const BytesAtPageEnd activations(input);
    for (std::int64_t i = 0; i < m; ++i) {
      packed.pack_activations(weights.dtype, x.data() + i * columns, columns, i,
                              m, activations.data());
    }
    const std::int64_t stride = weights.rows + 3;
    std::vector<float> out(static_cast<size_t>(m * stride), kGuard);
    packed.matmul({.weights = weights,
                   .activations = activations.data(),
                   .m = m,
                   .out = out.data(),
                   .out_stride = stride},
                  begin, end);
    std::vector<float> result;
    for (std::int64_t i = 0; i < m; ++i) {
      const float* row = out.data() + i * stride;
      result.insert(result.end(), row, row + weights.rows);
      EXPECT_EQ(row[weights.rows], kGuard);
    }
    return result;
  }
  std::vector<float> product(const WeightMatrix& weights,
                             const std::vector<float>& x,
                             std::int64_t m) const {
    return product(weights, x, m, 0, weights.rows);
  }
};

// Near the float64 product with the rounded activations, within the rounding of
// one float sum a block (of bf16, one a pair of columns); and within half a
// unit of each activation's scale of the product with the activations
// themselves.
void expect_near(DType dtype, const std::vector<float>& weights,
                 std::int64_t rows, std::int64_t columns,
                 const std::vector<float>& x, std::int64_t m,
                 const std::vector<float>& result) {
  const std::vector<double> rounded = rounded_for(dtype, x);
  const bool is_bf16 = dtype == DType::kBF16;
  for (std::int64_t n = 0; n < rows; ++n) {
    for (std::int64_t i = 0; i < m; ++i) {
      double of_rounded = 0, of_given = 0, magnitude = 0, loss = 0;
      for (std::int64_t b = 0; b < columns; b += 32) {
        double largest = 0, weight_sum = 0;
        for (std::int64_t c = b; c < b + 32; ++c) {
          const auto at = static_cast<size_t>(i * columns + c);
          const double w = static_cast<double>(
              weights[static_cast<size_t>(n * columns + c)]);
          of_rounded += w * rounded[at];
          of_given += w * static_cast<double>(x[at]);
          magnitude += std::fabs(w * rounded[at]);
          weight_sum += std::fabs(w);
          largest = std::max(largest, std::fabs(static_cast<double>(x[at])));
        }
        loss += weight_sum * largest * (is_bf16 ? 0x1p-9 : 1.0 / 254);
      }
      const double found =
          static_cast<double>(result[static_cast<size_t>(i * rows + n)]);
      const double rounding =
          (static_cast<double>(columns) / (is_bf16 ? 2 : 32) + 8) * 0x1p-24 *
          magnitude;
      ASSERT_NEAR(found, of_rounded, rounding)
          << dtype_name(dtype) << " row " << i << " of " << m << ", output "
          << n << " of " << rows << ", columns " << columns;
      ASSERT_NEAR(found, of_given, rounding + 1.0001 * loss);
    }
  }
}

TEST_P(PackedMatmulTest, AgreesWithFloat64) {
  std::mt19937 random(2);
  for (const DType dtype : types()) {
    const std::int64_t block = std::max<std::int64_t>(
        block_shape(dtype).elements, dtype == DType::kBF16 ? 160 : 32);
    for (std::int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 33, 67}) {
      const std::int64_t columns =
          block * (1 + static_cast<std::int64_t>(random() % 5));
      const std::int64_t rows =
          kPackedRows * (1 + static_cast<std::int64_t>(random() % 2));
      const auto bytes = random_weights(dtype, rows * columns, random);
      const PackedMatrix matrix = pack_all(dtype, bytes, rows, columns);
      const auto x = random_floats(m * columns, random);
      expect_near(dtype, dequantised(dtype, bytes, rows, columns), rows,
                  columns, x, m, product(matrix.weights(), x, m));
      if (HasFatalFailure()) return;
    }
  }
}

// The largest integers there are, all of one sign: nothing saturates.
TEST_P(PackedMatmulTest, HoldsTheLargestSums) {
  for (const DType dtype : kQuantisedTypes) {
    const std::int64_t columns = 512;
    const std::int64_t rows = 16;
    std::mt19937 random(3);
    for (const int fill : {0x00, 0xff, 0x80, 0x7f}) {
      auto bytes = random_weights(dtype, rows * columns, random);
      const BlockShape block = block_shape(dtype);
      for (size_t at = 0; at < bytes.size(); ++at) {
        const auto in_block = static_cast<std::int64_t>(at) % block.bytes;
        const auto scales = test::scale_offsets(dtype);
        const bool is_scale =
            std::any_of(scales.begin(), scales.end(), [&](std::int64_t offset) {
              return in_block == offset || in_block == offset + 1;
            });
        if (!is_scale) bytes[at] = static_cast<std::byte>(fill);
      }
      const PackedMatrix matrix = pack_all(dtype, bytes, rows, columns);
      for (const float sign : {1.0f, -1.0f}) {
        const std::vector<float> x(static_cast<size_t>(3 * columns), sign);
        expect_near(dtype, dequantised(dtype, bytes, rows, columns), rows,
                    columns, x, 3, product(matrix.weights(), x, 3));
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(PackedMatmulTest, RowsAreInvariant) {
  std::mt19937 random(4);
  for (const DType dtype : types()) {
    const std::int64_t columns = 1024;
    const std::int64_t rows = 64;
    const std::int64_t m = 41;
    const auto bytes = random_weights(dtype, rows * columns, random);
    const PackedMatrix matrix = pack_all(dtype, bytes, rows, columns);
    const auto x = random_floats(m * columns, random);
    const auto together = product(matrix.weights(), x, m);
    for (std::int64_t first = 0; first < m;) {
      const std::int64_t size = std::min<std::int64_t>(
          m - first, 1 + static_cast<std::int64_t>(random() % 17));
      const std::vector<float> part(x.begin() + first * columns,
                                    x.begin() + (first + size) * columns);
      const auto alone = product(matrix.weights(), part, size);
      ASSERT_TRUE(
          same_bits(alone.data(), together.data() + first * rows, size * rows))
          << dtype_name(dtype) << ": rows " << first << " to " << first + size;
      first += size;
    }
    for (std::int64_t begin = 0; begin < rows; begin += 16) {
      for (std::int64_t end = begin + 16; end <= rows; end += 16) {
        const auto split = product(matrix.weights(), x, 5, begin, end);
        for (std::int64_t i = 0; i < 5; ++i) {
          for (std::int64_t n = 0; n < rows; ++n) {
            const auto at = static_cast<size_t>(i * rows + n);
            ASSERT_EQ(split[at], n >= begin && n < end ? together[at] : kGuard);
          }
        }
      }
    }
  }
}

// Integer sums are exact and the float ones have one order, so every set gives
// the bits that the scalar one gives.
TEST_P(PackedMatmulTest, GivesTheScalarSetsBits) {
  std::mt19937 random(5);
  for (const DType dtype : kQuantisedTypes) {
    const std::int64_t columns = 512;
    const std::int64_t rows = 32;
    const std::int64_t m = 9;
    const auto bytes = random_weights(dtype, rows * columns, random);
    const PackedMatrix matrix = pack_all(dtype, bytes, rows, columns);
    auto x = random_floats(m * columns, random);
    std::fill_n(x.begin() + 64, 32, 0.0f);
    std::fill_n(x.begin() + 96, 32, 1e-42f);
    const PackedKernels& scalar = kernels_named("scalar").packed;
    std::vector<std::byte> input(
        static_cast<size_t>(m * scalar.activation_bytes(dtype, columns)));
    for (std::int64_t i = 0; i < m; ++i) {
      scalar.pack_activations(dtype, x.data() + i * columns, columns, i, m,
                              input.data());
    }
    std::vector<float> expected(static_cast<size_t>(m * rows));
    scalar.matmul({.weights = matrix.weights(),
                   .activations = input.data(),
                   .m = m,
                   .out = expected.data(),
                   .out_stride = rows},
                  0, rows);
    const auto found = product(matrix.weights(), x, m);
    ASSERT_TRUE(same_bits(found.data(), expected.data(), m * rows))
        << dtype_name(dtype);
  }
}

PILOTFISH_TEST_EVERY_SET(PackedMatmulTest);

}  // namespace
}  // namespace pilotfish
