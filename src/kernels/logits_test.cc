#include "kernels/logits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/testing.h"

namespace pilotfish {
namespace {

using test::BytesAtPageEnd;
using test::random_floats;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kRowSizes[] = {1,  2,  7,   8,   9,   15,  16,  17,
                                      31, 33, 127, 128, 129, 256, 777, 3000};
constexpr std::int64_t kBlocks[] = {16, 128};

// A row with its maxima, right before an unreadable page.
class Row {
 public:
  Row(const std::vector<float>& values, std::int64_t block)
      : bytes_(values),
        maxima_(static_cast<size_t>((std::ssize(values) + block - 1) / block)),
        row_{bytes_.floats(), std::ssize(values), block, maxima_.data()} {
    for (std::int64_t i = 0; i < row_.size; ++i) {
      float& most = maxima_[static_cast<size_t>(i / block)];
      if (i % block == 0) most = -kInfinity;
      if (values[static_cast<size_t>(i)] > most) {
        most = values[static_cast<size_t>(i)];
      }
    }
  }
  const LogitRow& operator*() const { return row_; }
  const LogitRow* operator->() const { return &row_; }
  float largest() const { return std::ranges::max(maxima_); }

 private:
  BytesAtPageEnd bytes_;
  std::vector<float> maxima_;
  LogitRow row_;
};

// Of all sizes: random; with NaN and infinities in it; all equal.
std::vector<std::vector<float>> rows() {
  std::mt19937 random(1);
  std::vector<std::vector<float>> all;
  for (const std::int64_t n : kRowSizes) {
    all.push_back(random_floats(n, random, 6));
    all.push_back(all.back());
    for (size_t i = 0; i < all.back().size(); i += 1 + random() % 9) {
      all.back()[i] = i % 2 == 0 ? kNan : -kInfinity;
    }
    all.push_back(std::vector<float>(static_cast<size_t>(n), -2.5f));
  }
  all.push_back({kNan, kNan, -kInfinity});
  return all;
}

class LogitsTest : public test::EverySet {
 protected:
  const LogitKernels& logits() const { return kernels().logits; }
};

TEST_P(LogitsTest, BlockMaxima) {
  for (const std::vector<float>& values : rows()) {
    for (const std::int64_t block : kBlocks) {
      const Row row(values, block);
      std::vector<float> maxima(static_cast<size_t>(row->blocks()));
      const bool finite =
          logits().block_maxima(row->logits, row->size, block, maxima.data());
      ASSERT_EQ(finite, std::ranges::all_of(
                            values, [](float x) { return std::isfinite(x); }))
          << values.size();
      for (size_t b = 0; b < maxima.size(); ++b) {
        ASSERT_EQ(maxima[b], row->maxima[b]) << values.size() << " " << b;
      }
    }
  }
}

TEST_P(LogitsTest, OneLogitThatIsNotFiniteIsNoticedWherever) {
  constexpr std::int64_t kSize = 299;
  float maxima[kSize / 16 + 1];
  for (size_t at = 0; at < kSize; ++at) {
    for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
      std::vector<float> values(kSize, 3e38f);
      EXPECT_TRUE(logits().block_maxima(values.data(), kSize, 16, maxima));
      values[at] = bad;
      EXPECT_FALSE(logits().block_maxima(values.data(), kSize, 16, maxima));
      EXPECT_FALSE(logits().block_maxima(values.data(), kSize, 128, maxima));
    }
  }
}

TEST_P(LogitsTest, SelectFindsWhatLiesBetween) {
  for (const std::vector<float>& values : rows()) {
    for (const std::int64_t block : kBlocks) {
      const Row row(values, block);
      const float at = values[values.size() / 2];
      for (const auto& [low, high] :
           std::vector<std::pair<float, float>>{{3, kInfinity},
                                                {-1, 2},
                                                {-kInfinity, kInfinity},
                                                {-kInfinity, 0},
                                                {at, at},
                                                {5, 4},
                                                {1e9f, kInfinity}}) {
        std::vector<std::int32_t> expected;
        for (size_t i = 0; i < values.size(); ++i) {
          if (values[i] >= low && values[i] <= high) {
            expected.push_back(static_cast<std::int32_t>(i));
          }
        }
        const BytesAtPageEnd out(std::vector<std::int32_t>(values.size()));
        auto* indices = reinterpret_cast<std::int32_t*>(out.data());
        const std::int64_t count = logits().select(*row, low, high, indices);
        ASSERT_EQ(std::vector<std::int32_t>(indices, indices + count), expected)
            << values.size() << " from " << low << " to " << high;
      }
    }
  }
}

// Against the definition, in units of the last place; over the whole range of
// exponents.
TEST_P(LogitsTest, WeightsAreExact) {
  std::vector<float> values;
  for (int i = 0; i <= 700 * 64; ++i) {
    values.push_back(static_cast<float>(-i) / 64 * 1.000001f);
  }
  std::vector<double> weights(values.size());
  for (const double inverse : {1.0, 0.731, 0.05}) {
    logits().weigh(values.data(), std::ssize(values), 0, inverse,
                   weights.data());
    for (size_t i = 0; i < values.size(); ++i) {
      const double y = static_cast<double>(values[i]) * inverse;
      const long double exact = std::exp(static_cast<long double>(y));
      const double place =
          std::ldexp(1.0, std::ilogb(static_cast<double>(exact)) - 52);
      if (y < kLeastExponent) {
        ASSERT_EQ(weights[i], 0);
      } else {
        ASSERT_NEAR(static_cast<double>((weights[i] - exact) / place), 0, 2)
            << y;
      }
    }
  }
}

TEST_P(LogitsTest, WeightsAndSumsAreTheSameBitsOnEverySet) {
  const LogitKernels& scalar = kernels_named("scalar").logits;
  for (const std::vector<float>& values : rows()) {
    const Row row(values, 128);
    if (row.largest() == -kInfinity) continue;
    for (const double inverse : {1.0, 1 / 0.8, 1e-3, 1e300, 0.0}) {
      const BytesAtPageEnd out(std::vector<double>(values.size()));
      auto* weights = reinterpret_cast<double*>(out.data());
      std::vector<double> expected(values.size());
      const LogitMass mass = logits().weigh(row->logits, row->size,
                                            row.largest(), inverse, weights);
      const LogitMass same = scalar.weigh(row->logits, row->size, row.largest(),
                                          inverse, expected.data());
      ASSERT_EQ(mass.total, same.total) << values.size();
      ASSERT_EQ(mass.moment, same.moment) << values.size();
      for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(weights[i], expected[i]) << values[i] << " * " << inverse;
      }
    }
  }
}

struct ExactMass {
  ExactMass(const std::vector<float>& values, float largest, double inverse) {
    for (const float x : values) {
      const long double y = (static_cast<long double>(x) - largest) * inverse;
      if (!(y > -11000)) continue;
      total += std::exp(y);
      moment += std::exp(y) * y;
    }
  }
  long double total = 0;
  long double moment = 0;
};

TEST_P(LogitsTest, MassesAreThoseOfTheDefinition) {
  std::vector<std::vector<float>> all = rows();
  std::mt19937 random(2);
  for (const float deviation : {0.01f, 1.f, 3.f, 10.f, 100.f}) {
    all.push_back(random_floats(32000, random, deviation));
  }
  for (const std::vector<float>& values : all) {
    const Row row(values, 128);
    const float largest = row.largest();
    if (largest == -kInfinity) continue;
    std::vector<double> weights(values.size());
    for (const double inverse : {1.0, 1 / 0.8, 0.1, 20.0}) {
      const ExactMass exact(values, largest, inverse);
      const auto total = static_cast<double>(exact.total);
      const LogitMass mass = logits().weigh(row->logits, row->size, largest,
                                            inverse, weights.data());
      ASSERT_NEAR(mass.total, total, 1e-13 * total);
      ASSERT_NEAR(mass.moment, static_cast<double>(exact.moment),
                  1e-13 * (total - static_cast<double>(exact.moment)));
      const double approximate =
          logits().approximate_mass(*row, largest, static_cast<float>(inverse));
      ASSERT_NEAR(approximate, total, mass_error(row->size) * total)
          << values.size() << " at " << inverse;
    }
  }
}

PILOTFISH_TEST_EVERY_SET(LogitsTest);

}  // namespace
}  // namespace pilotfish
