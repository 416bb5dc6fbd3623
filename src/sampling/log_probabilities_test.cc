#include "sampling/log_probabilities.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace pilotfish {
namespace {

std::vector<float> random_row(size_t size) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> row(size);
  for (float& x : row) x = normal(random);
  return row;
}

std::vector<double> exact(const std::vector<float>& row) {
  long double sum = 0;
  for (const float x : row) sum += std::exp(static_cast<long double>(x));
  std::vector<double> result;
  for (const float x : row) {
    result.push_back(static_cast<double>(x - std::log(sum)));
  }
  return result;
}

TEST(LogProbabilities, AreThoseOfTheSoftmax) {
  for (const size_t size : {1u, 5u, 1024u, 1025u, 5000u}) {
    const std::vector<float> row = random_row(size);
    const std::vector<double> expected = exact(row);
    for (size_t i = 0; i < size; i += 1 + size / 50) {
      EXPECT_NEAR(log_probability(row, static_cast<Token>(i)), expected[i],
                  1e-12);
    }
  }
}

TEST(LogProbabilities, TheMostProbableComeFirst) {
  std::vector<float> row = random_row(3000);
  row[17] = row[1500] = row[2900] = 20;  // equals, by their ids
  const std::vector<double> expected = exact(row);
  std::vector<double> sorted = expected;
  std::ranges::sort(sorted, std::greater<>());
  for (const std::int64_t count : {0, 1, 2, 20, 700}) {
    const TokenLogprobs found = log_probabilities(row, 5, count);
    EXPECT_NEAR(found.logprob, expected[5], 1e-12);
    ASSERT_EQ(std::ssize(found.top), count);
    for (size_t i = 0; i < found.top.size(); ++i) {
      EXPECT_NEAR(found.top[i].logprob, sorted[i], 1e-12);
      EXPECT_NEAR(found.top[i].logprob,
                  expected[static_cast<size_t>(found.top[i].token)], 1e-12);
    }
    if (count >= 2) {
      EXPECT_EQ(found.top[0].token, 17);
      EXPECT_EQ(found.top[1].token, 1500);
    }
  }
}

TEST(LogProbabilities, ATokenThatCannotComeHasMinusInfinity) {
  const float never = -std::numeric_limits<float>::infinity();
  const std::vector<float> row = {never, 1, never, 1};
  EXPECT_NEAR(log_probability(row, 3), std::log(0.5), 1e-15);
  EXPECT_EQ(log_probability(row, 0), -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace pilotfish
