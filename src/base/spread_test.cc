#include "pilotfish/spread.h"

#include <gtest/gtest.h>

namespace pilotfish {
namespace {

TEST(Spread, AQuantileLiesBetweenTheNearestTwo) {
  const std::vector<double> values = {40, 10, 30, 20};
  EXPECT_DOUBLE_EQ(quantile(values, 0), 10);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 40);
  EXPECT_DOUBLE_EQ(quantile(values, 1.0 / 3), 20);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 25);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 37);
  EXPECT_DOUBLE_EQ(median(values), 25);
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median({7}), 7);
}

TEST(Spread, OfNothingIsZero) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(quantile(std::vector<WeightedValue>{{5, 0}}, 0.5), 0);
  EXPECT_EQ(spread_of({}).p90, 0);
}

TEST(Spread, AWeightIsAsManyValues) {
  const std::vector<WeightedValue> weighted = {{5, 1}, {1, 3}, {9, 0}, {2, 2}};
  const std::vector<double> values = {1, 1, 1, 2, 2, 5};
  for (double share = 0; share <= 1; share += 0.01) {
    EXPECT_DOUBLE_EQ(quantile(weighted, share), quantile(values, share))
        << share;
  }
}

TEST(Spread, IsMedianAndTenths) {
  const Spread spread = spread_of({11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  EXPECT_DOUBLE_EQ(spread.median, 6);
  EXPECT_DOUBLE_EQ(spread.p10, 2);
  EXPECT_DOUBLE_EQ(spread.p90, 10);
  EXPECT_DOUBLE_EQ(spread_of({3, 1}).median, 2);
  EXPECT_DOUBLE_EQ(spread_of({4}).p90, 4);
}

}  // namespace
}  // namespace pilotfish
