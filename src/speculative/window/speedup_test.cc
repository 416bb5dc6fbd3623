#include "pilotfish/speedup.h"

#include <gtest/gtest.h>

#include <cmath>

namespace pilotfish {
namespace {

// The figures of Llama-2-70B with Llama-2-7B on the system that this project
// re-implements: 20.6 and 3.7 ms a token.
SpeculationCosts free_verification(double c, std::int64_t max_window) {
  return {c, verify_costs({}, max_window)};
}

TEST(ExpectedSpeedup, IsTheClosedForm) {
  const double c = 3.7 / 20.6;
  const double a = 0.8;
  for (std::int64_t k = 1; k <= 16; ++k) {
    const double window = static_cast<double>(k);
    const double tokens = (1 - std::pow(a, window)) / (1 - a);
    EXPECT_NEAR(expected_tokens(a, k), tokens, 1e-12);
    EXPECT_NEAR(expected_speedup(free_verification(c, 16), a, k),
                tokens / (1 + c * (window - 1)), 1e-12);
  }
  // By hand: (1 - 0.8^5) / 0.2 = 3.3616, over 1 + 4 * 3.7 / 20.6 = 1.718447.
  EXPECT_NEAR(expected_speedup(free_verification(c, 16), 0.8, 5), 1.956185,
              1e-6);
}

TEST(ExpectedSpeedup, CountsWhatVerificationCosts) {
  const SpeculationCosts costs{0.1, {1, 1.2, 1.4}};
  EXPECT_NEAR(expected_speedup(costs, 0.5, 3), 1.75 / 1.6, 1e-12);
}

TEST(ExpectedTokens, HaveTheirLimits) {
  for (std::int64_t k = 1; k <= 64; ++k) {
    EXPECT_EQ(expected_tokens(0, k), 1);
    EXPECT_EQ(expected_tokens(1, k), static_cast<double>(k));
  }
  EXPECT_EQ(expected_tokens(0.3, 1), 1);
}

TEST(ExpectedSpeedup, OfPlainDecodingIsOne) {
  for (const double a : {0.0, 0.5, 1.0}) {
    EXPECT_EQ(expected_speedup(free_verification(0.5, 4), a, 1), 1);
  }
}

TEST(BreakEven, IsWhereTheSpeedupIsOne) {
  const SpeculationCosts costs{0.18, {1, 1.1, 1.15, 1.3, 1.6, 2, 2.5}};
  for (std::int64_t k = 2; k <= costs.max_window(); ++k) {
    const auto a = break_even_acceptance(costs, k);
    ASSERT_TRUE(a) << k;
    EXPECT_NEAR(expected_speedup(costs, *a, k), 1, 1e-9);
    EXPECT_LT(expected_speedup(costs, *a - 0.01, k), 1);
  }
  // With two tokens a pass at most, 1 + a = v + c.
  EXPECT_NEAR(*break_even_acceptance(costs, 2), 0.28, 1e-9);
}

TEST(BreakEven, HasItsLimits) {
  EXPECT_EQ(break_even_acceptance(free_verification(0.3, 8), 1), 0);
  EXPECT_EQ(break_even_acceptance(free_verification(0, 8), 8), 0);
  // A draft as slow as the target: as fast as plain decoding if never wrong.
  EXPECT_NEAR(*break_even_acceptance(free_verification(1, 8), 5), 1, 1e-9);
  EXPECT_EQ(break_even_acceptance(free_verification(1.1, 8), 5), std::nullopt);
}

TEST(BestWindow, IsTheBestOfAll) {
  const SpeculationCosts costs = free_verification(3.7 / 20.6, 16);
  for (const double a : {0.0, 0.1, 0.3, 0.5, 0.8, 0.9, 1.0}) {
    const double best = expected_speedup(costs, a, best_window(costs, a));
    for (std::int64_t k = 1; k <= 16; ++k) {
      EXPECT_GE(best * (1 + 1e-9), expected_speedup(costs, a, k)) << a;
    }
  }
  EXPECT_EQ(best_window(costs, 0.8), 5);
}

TEST(BestWindow, IsPlainDecodingWhereSpeculationDoesNotPay) {
  EXPECT_EQ(best_window(free_verification(0.3, 8), 0), 1);
  EXPECT_EQ(best_window(free_verification(0.3, 8), 0.29), 1);
  EXPECT_EQ(best_window(free_verification(2, 8), 1), 1);
  // Nothing gained, nothing lost: the smallest.
  EXPECT_EQ(best_window(free_verification(0, 8), 0), 1);
  EXPECT_EQ(best_window(free_verification(0, 8), 1), 8);
  EXPECT_EQ(best_window(free_verification(0, 1), 1), 1);
}

TEST(VerifyCosts, LieOnStraightLines) {
  const auto costs = verify_costs({{3, 1.2}, {5, 1.8}}, 8);
  const std::vector<double> expected = {1, 1.1, 1.2, 1.5, 1.8, 2.1, 2.4, 2.7};
  ASSERT_EQ(costs.size(), expected.size());
  for (size_t i = 0; i < costs.size(); ++i) {
    EXPECT_NEAR(costs[i], expected[i], 1e-12) << i;
  }
}

TEST(VerifyCosts, DoNotFallBeyondTheLastKnown) {
  const auto costs = verify_costs({{2, 1.2}, {3, 1.1}}, 5);
  EXPECT_NEAR(costs[3], 1.1, 1e-12);
  EXPECT_NEAR(costs[4], 1.1, 1e-12);
}

TEST(VerifyCosts, StopAtTheLargestWindow) {
  EXPECT_EQ(verify_costs({{4, 1.3}}, 2).size(), 2u);
  EXPECT_NEAR(verify_costs({{4, 1.3}}, 2)[1], 1.1, 1e-12);
  EXPECT_EQ(verify_costs({}, 3), (std::vector<double>{1, 1, 1}));
}

}  // namespace
}  // namespace pilotfish
