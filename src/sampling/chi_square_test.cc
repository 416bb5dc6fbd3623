#include "sampling/chi_square.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace pilotfish {
namespace {

TEST(ChiSquareTest, PValuesAreThoseOfTheTables) {
  // Abramowitz and Stegun, table 26.8.
  EXPECT_NEAR((ChiSquare{30.5779, 15}.p_value()), 0.01, 1e-6);
  EXPECT_NEAR((ChiSquare{10.8276, 1}.p_value()), 0.001, 1e-6);
  EXPECT_NEAR((ChiSquare{15.3792, 30}.p_value()), 0.9874, 1e-3);
  EXPECT_NEAR((ChiSquare{149.449, 100}.p_value()), 0.001, 1e-6);
  EXPECT_EQ((ChiSquare{HUGE_VAL, 3}.p_value()), 0);
  EXPECT_EQ((ChiSquare{0, 0}.p_value()), 1);
}

TEST(ChiSquareTest, PearsonsStatisticIsTheSumByHand) {
  const std::vector<double> counts = {30, 50, 20};
  const std::vector<double> probabilities = {0.25, 0.5, 0.25};
  const ChiSquare result = chi_square(counts, probabilities);
  EXPECT_DOUBLE_EQ(result.statistic, 1.0 + 0.0 + 1.0);
  EXPECT_EQ(result.degrees, 2);
}

TEST(ChiSquareTest, BinsThatExpectFewAreOne) {
  const std::vector<double> counts = {60, 22, 10, 8, 0};
  const std::vector<double> probabilities = {0.6, 0.2, 0.09, 0.06, 0.05};
  const ChiSquare result = chi_square(counts, probabilities);
  EXPECT_DOUBLE_EQ(result.statistic, 4.0 / 20 + 4.0 / 20);
  EXPECT_EQ(result.degrees, 2);
}

TEST(ChiSquareTest, AFewThatAreTooFewJoinTheSmallestBin) {
  const std::vector<double> counts = {72, 24, 4};
  const std::vector<double> probabilities = {0.75, 0.2, 0.05};
  const ChiSquare result = chi_square(counts, probabilities);
  EXPECT_DOUBLE_EQ(result.statistic, 9.0 / 75 + 9.0 / 25);
  EXPECT_EQ(result.degrees, 1);
}

TEST(ChiSquareTest, WhatCannotBeRefusesForCertain) {
  const std::vector<double> counts = {50, 49, 1};
  const std::vector<double> probabilities = {0.5, 0.5, 0};
  EXPECT_EQ(chi_square(counts, probabilities).p_value(), 0);
}

TEST(ChiSquareTest, CriticalValuesAreThoseOfTheTables) {
  // Abramowitz and Stegun, table 26.8.
  EXPECT_NEAR(chi_square_critical(1, 0.05), 3.84146, 1e-5);
  EXPECT_NEAR(chi_square_critical(10, 0.01), 23.2093, 1e-4);
  EXPECT_NEAR(chi_square_critical(100, 0.001), 149.449, 1e-3);
}

// Noncentralities at which a test of level 0.05 has power 0.8 and 0.9 (Haynam,
// Govindarajulu and Leone, "Tables of the cumulative non-central chi-square
// distribution", 1970).
TEST(ChiSquareTest, PowerIsThatOfTheTables) {
  EXPECT_NEAR(chi_square_power(1, 7.849, 0.05), 0.8, 2e-5);
  EXPECT_NEAR(chi_square_power(2, 9.635, 0.05), 0.8, 2e-5);
  EXPECT_NEAR(chi_square_power(3, 10.903, 0.05), 0.8, 2e-5);
  EXPECT_NEAR(chi_square_power(10, 16.241, 0.05), 0.8, 2e-5);
  EXPECT_NEAR(chi_square_power(1, 10.507, 0.05), 0.9, 2e-5);
  EXPECT_NEAR(chi_square_power(2, 12.654, 0.05), 0.9, 2e-5);
}

// A non-central variable is (Z + sqrt(noncentrality))^2 and a central one of a
// degree less: an integral over Z, by Simpson's rule.
double power_by_integration(double degrees, double noncentrality,
                            double level) {
  const double critical = chi_square_critical(degrees, level);
  constexpr int kSteps = 20000;
  constexpr double kReach = 12;
  const double step = 2 * kReach / kSteps;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double z = -kReach + i * step;
    const double shifted = z + std::sqrt(noncentrality);
    const double value =
        std::exp(-z * z / 2) / std::sqrt(2 * M_PI) *
        gamma_q((degrees - 1) / 2, (critical - shifted * shifted) / 2);
    sum += value * (i == 0 || i == kSteps ? 1 : i % 2 == 1 ? 4 : 2);
  }
  return sum * step / 3;
}

TEST(ChiSquareTest, PowerIsTheIntegral) {
  for (const double degrees : {2.0, 5.0, 30.0, 240.0}) {
    for (const double noncentrality : {0.0, 1.0, 40.0, 300.0}) {
      for (const double level : {0.05, 1e-3, 1e-5}) {
        EXPECT_NEAR(chi_square_power(degrees, noncentrality, level),
                    power_by_integration(degrees, noncentrality, level), 1e-6)
            << degrees << " " << noncentrality << " " << level;
      }
    }
  }
}

// One degree: both tails of a normal variable.
TEST(ChiSquareTest, PowerOfOneDegreeIsThatOfTheNormalTest) {
  const auto tail = [](double z) { return 0.5 * std::erfc(z / std::sqrt(2)); };
  for (const double shift : {0.0, 1.0, 3.0, 6.0}) {
    const double z = std::sqrt(chi_square_critical(1, 1e-4));
    EXPECT_NEAR(chi_square_power(1, shift * shift, 1e-4),
                tail(z - shift) + tail(z + shift), 1e-9);
  }
}

// How often the test refuses `probabilities` where `truth` is true.
double refused(const std::vector<double>& truth,
               const std::vector<double>& probabilities, int trials,
               double level, int runs) {
  std::mt19937_64 random(7);
  std::discrete_distribution<size_t> draw(truth.begin(), truth.end());
  int refusals = 0;
  for (int run = 0; run < runs; ++run) {
    std::vector<double> counts(truth.size());
    for (int i = 0; i < trials; ++i) ++counts[draw(random)];
    refusals += chi_square(counts, probabilities).p_value() <= level;
  }
  return static_cast<double>(refusals) / runs;
}

// The approximations (normal counts, a noncentrality that is not small) against
// what happens.
TEST(ChiSquareTest, TheTestRefusesAsOftenAsItSays) {
  constexpr int kTrials = 1000;
  constexpr double kLevel = 1e-3;
  std::vector<double> p = {0.3, 0.2, 0.15, 0.1};
  p.resize(14, 0.025);
  EXPECT_NEAR(refused(p, p, kTrials, 0.01, 6000), 0.01, 0.005);

  // The hardest distribution at its distance: every bin off by the same ratio,
  // up where half the mass is and down in the rest.
  const double distance = detectable_distance(13, kTrials, kLevel, 0.9);
  std::vector<double> truth = p;
  for (size_t i = 0; i < truth.size(); ++i) {
    truth[i] *= 1 + (i < 2 ? 2 : -2) * distance;
  }
  double moved = 0;
  for (size_t i = 0; i < p.size(); ++i) moved += std::abs(truth[i] - p[i]) / 2;
  ASSERT_NEAR(moved, distance, 1e-9);
  EXPECT_NEAR(refused(truth, p, kTrials, kLevel, 2000), 0.9, 0.03);

  // Any other is refused more often.
  truth = p;
  truth[0] -= distance;
  truth[5] += distance;
  EXPECT_GT(refused(truth, p, kTrials, kLevel, 500), 0.98);
}

}  // namespace
}  // namespace pilotfish
