#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/testing.h"
#include "tensor/testing.h"

namespace pilotfish {
namespace {

using test::BytesAtPageEnd;
using test::kGuard;
using test::random_floats;
using test::random_weights;
using test::same_bits;

class MatmulTest : public test::EverySet {
 protected:
  AlignedBuffer<std::byte> packed(DType dtype, const std::vector<float>& x,
                                  std::int64_t m, std::int64_t columns) const {
    const std::int64_t bytes = kernels().activation_bytes(dtype, columns);
    EXPECT_EQ(bytes % 64, 0);
    AlignedBuffer<std::byte> result(static_cast<size_t>(m * bytes + 64));
    for (std::int64_t i = 0; i < m; ++i) {
      kernels().pack_activations(dtype, x.data() + i * columns, columns,
                                 result.data() + i * bytes);
    }
    return result;
  }

  // [m, rows] of x [m, columns] times the weights, for weight rows
  // [begin, end); the other elements hold kGuard.
  std::vector<float> product(const WeightMatrix& weights,
                             const std::vector<float>& x, std::int64_t m,
                             std::int64_t begin, std::int64_t end) const {
    const auto activations = packed(weights.dtype, x, m, weights.columns);
    const std::int64_t stride = weights.rows + 3;
    std::vector<float> padded(static_cast<size_t>(m * stride), kGuard);
    kernels().matmul({.weights = weights,
                      .activations = activations.data(),
                      .m = m,
                      .out = padded.data(),
                      .out_stride = stride},
                     begin, end);
    std::vector<float> result;
    for (std::int64_t i = 0; i < m; ++i) {
      const float* row = padded.data() + i * stride;
      result.insert(result.end(), row, row + weights.rows);
      for (int guard = 0; guard < 3; ++guard) {
        EXPECT_EQ(row[weights.rows + guard], kGuard);
      }
    }
    return result;
  }
  std::vector<float> product(const WeightMatrix& weights,
                             const std::vector<float>& x,
                             std::int64_t m) const {
    return product(weights, x, m, 0, weights.rows);
  }
};

std::vector<float> rounded_to_bf16(std::vector<float> x) {
  for (float& value : x) value = bf16_to_float(float_to_bf16(value));
  return x;
}

// Compares with a float64 product. The bound is `rounding` plus the one that
// holds for sums of columns / 8 terms a lane in any order, times the terms'
// absolute sum.
void expect_near_exact(const WeightMatrix& weights, const std::vector<float>& x,
                       std::int64_t m, const std::vector<float>& result,
                       double rounding = 0) {
  const auto columns = static_cast<size_t>(weights.columns);
  std::vector<float> row(columns);
  for (std::int64_t n = 0; n < weights.rows; ++n) {
    dequantise_row(weights.dtype,
                   weights.data + n * row_bytes(weights.dtype, weights.columns),
                   row.data(), weights.columns);
    for (std::int64_t i = 0; i < m; ++i) {
      double exact = 0;
      double magnitude = 0;
      for (size_t c = 0; c < columns; ++c) {
        const double term =
            static_cast<double>(row[c]) *
            static_cast<double>(x[static_cast<size_t>(i) * columns + c]);
        exact += term;
        magnitude += std::fabs(term);
      }
      const double bound =
          (rounding + (static_cast<double>(columns) / 8 + 10) * 0x1p-24) *
          magnitude;
      ASSERT_NEAR(result[static_cast<size_t>(i * weights.rows + n)], exact,
                  bound)
          << dtype_name(weights.dtype) << " row " << i << " of " << m
          << ", output " << n << " of " << weights.rows << ", columns "
          << columns;
    }
  }
}

// The same for a set's product, which may round bf16 weights' activations: then
// it is near the product of the rounded ones, and near the other within that
// rounding.
void expect_near(const Kernels& kernels, const WeightMatrix& weights,
                 const std::vector<float>& x, std::int64_t m,
                 const std::vector<float>& result) {
  const bool rounds =
      weights.dtype == DType::kBF16 && kernels.name.starts_with("avx512_bf16");
  expect_near_exact(weights, rounds ? rounded_to_bf16(x) : x, m, result);
  if (rounds) expect_near_exact(weights, x, m, result, 0x1p-8);
}

std::vector<std::int64_t> column_counts(DType dtype) {
  const std::int64_t block = block_shape(dtype).elements;
  std::vector<std::int64_t> counts;
  if (block == 1) {
    for (std::int64_t c = 1; c <= 70; ++c) counts.push_back(c);
    counts.insert(counts.end(), {96, 172, 2048});
  } else if (block == 32) {
    counts = {32, 64, 96, 160, 512, 544, 1120, 2048};
  } else {
    counts = {256, 512, 768, 2048};
  }
  return counts;
}

TEST_P(MatmulTest, AgreesWithFloat64OverShapesAndTypes) {
  std::mt19937 random(1);
  for (const DType dtype : test::kAllDTypes) {
    for (const std::int64_t columns : column_counts(dtype)) {
      const std::int64_t m = 1 + static_cast<std::int64_t>(random() % 17);
      const std::int64_t rows = 1 + static_cast<std::int64_t>(random() % 29);
      const auto bytes = random_weights(dtype, rows * columns, random);
      const auto x = random_floats(m * columns, random);
      const WeightMatrix weights{dtype, bytes.data(), rows, columns};
      expect_near(kernels(), weights, x, m, product(weights, x, m));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(MatmulTest, AgreesWithFloat64ForEveryBatchSize) {
  std::mt19937 random(2);
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_K}) {
    const std::int64_t columns = 1280;
    const std::int64_t rows = 25;
    const auto bytes = random_weights(dtype, rows * columns, random);
    const WeightMatrix weights{dtype, bytes.data(), rows, columns};
    for (std::int64_t m :
         {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 33, 67}) {
      const auto x = random_floats(m * columns, random);
      expect_near(kernels(), weights, x, m, product(weights, x, m));
      if (HasFatalFailure()) return;
    }
  }
}

// The same bits for a row alone, in any batch, and under any split of the
// weight rows.
TEST_P(MatmulTest, RowsAreInvariant) {
  std::mt19937 random(3);
  for (const DType dtype : test::kAllDTypes) {
    const std::int64_t block = block_shape(dtype).elements;
    for (const std::int64_t columns :
         {block == 256 ? 1280 : 1312, block == 1 ? 172 : 2048}) {
      const std::int64_t rows = 31;
      const std::int64_t m = 37;
      const auto bytes = random_weights(dtype, rows * columns, random);
      const WeightMatrix weights{dtype, bytes.data(), rows, columns};
      const auto x = random_floats(m * columns, random);
      const auto together = product(weights, x, m);

      for (std::int64_t first = 0; first < m;) {
        const std::int64_t size = std::min<std::int64_t>(
            m - first, 1 + static_cast<std::int64_t>(random() % 9));
        const std::vector<float> part(x.begin() + first * columns,
                                      x.begin() + (first + size) * columns);
        const auto alone = product(weights, part, size);
        ASSERT_TRUE(same_bits(alone.data(), together.data() + first * rows,
                              size * rows))
            << dtype_name(dtype) << ": rows " << first << " to " << first + size
            << " of " << m << ", columns " << columns;
        first += size;
      }
      for (std::int64_t begin = 0; begin < rows;) {
        const std::int64_t end = std::min<std::int64_t>(
            rows, begin + 1 + static_cast<std::int64_t>(random() % 11));
        const auto split = product(weights, x, m, begin, end);
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t n = 0; n < rows; ++n) {
            const auto at = static_cast<size_t>(i * rows + n);
            const bool inside = n >= begin && n < end;
            ASSERT_EQ(split[at], inside ? together[at] : kGuard)
                << dtype_name(dtype) << " [" << begin << ", " << end << ")";
          }
        }
        begin = end;
      }
    }
  }
}

// Weights that start anywhere and end at an unreadable page.
TEST_P(MatmulTest, ReadsNothingOutsideTheWeights) {
  std::mt19937 random(4);
  for (const DType dtype : test::kAllDTypes) {
    const std::int64_t block = block_shape(dtype).elements;
    for (std::int64_t columns : {1, 3, 15, 17, 33, 47, 96, 172}) {
      columns *= block;
      for (const std::int64_t m : {1, 2, 5}) {
        const std::int64_t rows = 9;
        const auto bytes = random_weights(dtype, rows * columns, random);
        const BytesAtPageEnd guarded(bytes);
        std::vector<std::byte> shifted(bytes.size() + 1);
        std::copy(bytes.begin(), bytes.end(), shifted.begin() + 1);
        const auto x = random_floats(m * columns, random);
        const auto at_end =
            product({dtype, guarded.data(), rows, columns}, x, m);
        const auto misaligned =
            product({dtype, shifted.data() + 1, rows, columns}, x, m);
        ASSERT_TRUE(same_bits(at_end.data(), misaligned.data(), m * rows));
      }
      if (columns >= 8192) break;
    }
  }
}

TEST_P(MatmulTest, PackingWritesItsRowAndNoMore) {
  std::mt19937 random(5);
  for (const DType dtype : test::kAllDTypes) {
    for (std::int64_t columns = 1; columns <= 130; ++columns) {
      const BytesAtPageEnd x(random_floats(columns, random));
      const std::int64_t bytes = kernels().activation_bytes(dtype, columns);
      AlignedBuffer<std::byte> out(static_cast<size_t>(bytes + 64));
      std::fill_n(out.data(), bytes + 64, std::byte{0x5a});
      kernels().pack_activations(dtype, x.floats(), columns, out.data());
      for (int guard = 0; guard < 64; ++guard) {
        ASSERT_EQ(out.data()[bytes + guard], std::byte{0x5a});
      }
    }
  }
}

PILOTFISH_TEST_EVERY_SET(MatmulTest);

}  // namespace
}  // namespace pilotfish
