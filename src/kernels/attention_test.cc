#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/testing.h"
#include "tensor/quantise.h"

namespace pilotfish {
namespace {

using test::BytesAtPageEnd;
using test::random_floats;
using test::same_bits;

// Keys or values of one head in blocks of their own. Positions from `length`
// on hold NaN; the last block ends at an unreadable page.
class Cache {
 public:
  Cache(DType dtype, std::int64_t length, std::int64_t block_size,
        std::int64_t head_dim, float deviation, std::mt19937& random)
      : head_dim_(head_dim) {
    const std::int64_t row = row_bytes(dtype, head_dim);
    values_ = random_floats(length * head_dim, random, deviation);
    for (std::int64_t at = 0; at < length; at += block_size) {
      std::vector<float> block(static_cast<size_t>(block_size * head_dim),
                               std::nanf(""));
      const std::int64_t count = std::min(block_size, length - at);
      std::copy_n(values_.begin() + at * head_dim, count * head_dim,
                  block.begin());
      std::vector<std::byte> stored(static_cast<size_t>(block_size * row));
      quantise_row(dtype, block.data(), stored.data(), block_size * head_dim);
      dequantise_row(dtype, stored.data(), values_.data() + at * head_dim,
                     count * head_dim);
      blocks_.push_back(std::make_unique<BytesAtPageEnd>(stored));
      pointers_.push_back(blocks_.back()->data());
    }
  }

  const std::byte* const* blocks() const { return pointers_.data(); }
  double at(std::int64_t position, std::int64_t d) const {
    return values_[static_cast<size_t>(position * head_dim_ + d)];
  }

 private:
  std::int64_t head_dim_;
  std::vector<float> values_;  // as stored
  std::vector<std::unique_ptr<BytesAtPageEnd>> blocks_;
  std::vector<const std::byte*> pointers_;
};

struct Shape {
  DType dtype;
  std::int64_t length;  // of the cache after the batch
  std::int64_t m;       // the last m positions are the batch
  std::int64_t group;
  std::int64_t head_dim;
  std::int64_t window;
  std::int64_t block_size;

  std::int64_t width() const { return group * head_dim; }
};

struct Problem {
  Problem(const Shape& s, float deviation, std::mt19937& random)
      : shape(s),
        keys(s.dtype, s.length, s.block_size, s.head_dim, deviation, random),
        values(s.dtype, s.length, s.block_size, s.head_dim, 1, random),
        q(random_floats(s.m * s.width(), random, deviation)) {}

  // Rows [begin, end) of the batch.
  std::vector<float> solve(const Kernels& kernels, std::int64_t begin,
                           std::int64_t end) const {
    const std::int64_t width = shape.width();
    const std::int64_t stride = width + 5;
    std::vector<float> padded(static_cast<size_t>((end - begin) * stride),
                              -77.0f);
    kernels.attention({
        .q = q.data() + begin * width,
        .q_stride = width,
        .out = padded.data(),
        .out_stride = stride,
        .m = end - begin,
        .group = shape.group,
        .head_dim = shape.head_dim,
        .first_position = shape.length - shape.m + begin,
        .window = shape.window,
        .scale = scale(),
        .dtype = shape.dtype,
        .block_size = shape.block_size,
        .keys = keys.blocks(),
        .values = values.blocks(),
    });
    std::vector<float> out;
    for (std::int64_t i = 0; i < end - begin; ++i) {
      const float* row = padded.data() + i * stride;
      out.insert(out.end(), row, row + width);
      for (int guard = 0; guard < 5; ++guard) {
        EXPECT_EQ(row[width + guard], -77.0f);
      }
    }
    return out;
  }

  // Row i, head `head`, in float64: scores, soft-max, weighted sum.
  std::vector<double> exact(std::int64_t i, std::int64_t head) const {
    const std::int64_t last = shape.length - shape.m + i;
    const std::int64_t first =
        shape.window == 0 ? 0
                          : std::max<std::int64_t>(0, last - shape.window + 1);
    std::vector<double> weights;
    for (std::int64_t p = first; p <= last; ++p) {
      double score = 0;
      for (std::int64_t d = 0; d < shape.head_dim; ++d) {
        const auto at =
            static_cast<size_t>(i * shape.width() + head * shape.head_dim + d);
        score += static_cast<double>(q[at]) * keys.at(p, d);
      }
      weights.push_back(score * static_cast<double>(scale()));
    }
    const double largest = *std::max_element(weights.begin(), weights.end());
    double total = 0;
    for (double& weight : weights) {
      weight = std::exp(weight - largest);
      total += weight;
    }
    std::vector<double> out(static_cast<size_t>(shape.head_dim));
    for (size_t p = 0; p < weights.size(); ++p) {
      for (size_t d = 0; d < out.size(); ++d) {
        out[d] += weights[p] / total *
                  values.at(first + static_cast<std::int64_t>(p),
                            static_cast<std::int64_t>(d));
      }
    }
    return out;
  }

  float scale() const {
    return 1 / std::sqrt(static_cast<float>(shape.head_dim));
  }

  Shape shape;
  Cache keys;
  Cache values;
  std::vector<float> q;  // [m, group * head_dim]
};

Shape random_shape(std::mt19937& random) {
  const auto pick = [&](std::vector<std::int64_t> from) {
    return from[random() % from.size()];
  };
  const DType dtypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0};
  Shape shape{};
  shape.dtype = dtypes[random() % 4];
  shape.length = 1 + static_cast<std::int64_t>(random() % 300);
  shape.m = std::min(shape.length, pick({1, 1, 2, 5, 8, 17, 33, 70}));
  shape.group = pick({1, 2, 3, 4, 7, 8});
  shape.head_dim = shape.dtype == DType::kQ8_0
                       ? pick({32, 64, 96, 128, 256})
                       : pick({8, 24, 64, 80, 100, 128, 256});
  shape.window = pick({0, 0, 1, 7, 32, 100});
  shape.block_size = pick({1, 5, 16, 32, 48, 64});
  return shape;
}

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << dtype_name(s.dtype) << " length " << s.length << " m " << s.m
             << " group " << s.group << " head_dim " << s.head_dim << " window "
             << s.window << " block_size " << s.block_size;
}

class AttentionTest : public test::EverySet {};

void expect_exact(const Kernels& kernels, const Problem& problem,
                  double tolerance) {
  const Shape& s = problem.shape;
  const auto out = problem.solve(kernels, 0, s.m);
  for (std::int64_t i = 0; i < s.m; ++i) {
    for (std::int64_t head = 0; head < s.group; ++head) {
      const auto exact = problem.exact(i, head);
      for (std::int64_t d = 0; d < s.head_dim; ++d) {
        const auto at =
            static_cast<size_t>(i * s.width() + head * s.head_dim + d);
        ASSERT_NEAR(out[at], exact[static_cast<size_t>(d)], tolerance)
            << s << ": row " << i << ", head " << head << ", element " << d;
      }
    }
  }
}

TEST_P(AttentionTest, AgreesWithFloat64) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 80; ++trial) {
    expect_exact(kernels(), Problem(random_shape(random), 1, random), 1e-5);
    if (HasFatalFailure()) return;
  }
}

// Scores in the hundreds: all but a few weights vanish, and e^score overflows
// unless the largest is taken out.
TEST_P(AttentionTest, LargeScores) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 20; ++trial) {
    expect_exact(kernels(), Problem(random_shape(random), 12, random), 3e-4);
    if (HasFatalFailure()) return;
  }
}

TEST_P(AttentionTest, ManyHeadsInOneGroup) {
  std::mt19937 random(3);
  const Shape shape{DType::kBF16, 40, 2, 100, 16, 0, 16};
  expect_exact(kernels(), Problem(shape, 1, random), 1e-5);
}

TEST_P(AttentionTest, RowsAreInvariant) {
  std::mt19937 random(4);
  for (int trial = 0; trial < 40; ++trial) {
    const Problem problem(random_shape(random), 2, random);
    const Shape& s = problem.shape;
    const auto together = problem.solve(kernels(), 0, s.m);
    for (std::int64_t first = 0; first < s.m;) {
      const std::int64_t last = std::min<std::int64_t>(
          s.m, first + 1 + static_cast<std::int64_t>(random() % 6));
      const auto alone = problem.solve(kernels(), first, last);
      ASSERT_TRUE(same_bits(alone.data(), together.data() + first * s.width(),
                            (last - first) * s.width()))
          << s << ": rows " << first << " to " << last;
      first = last;
    }
  }
}

PILOTFISH_TEST_EVERY_SET(AttentionTest);

}  // namespace
}  // namespace pilotfish
