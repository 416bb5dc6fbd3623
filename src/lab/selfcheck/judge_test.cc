#include "lab/selfcheck/judge.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sampling/chi_square.h"

namespace pilotfish {
namespace {

Check sampled(CheckKind kind, double p_value) {
  Check check;
  check.kind = kind;
  check.distribution = DistributionResult{
      .texts = 1000, .statistic = 1, .degrees = 9, .p_value = p_value};
  return check;
}

Check compared(CheckKind kind, std::int64_t different) {
  Check check;
  check.kind = kind;
  check.identity = IdentityResult{.texts = 10, .different = different};
  return check;
}

Selfcheck judged(std::vector<Check> checks, double level = 0.01) {
  Selfcheck selfcheck;
  selfcheck.checks = std::move(checks);
  judge(selfcheck, level, 0.99);
  return selfcheck;
}

std::vector<CheckVerdict> verdicts(const Selfcheck& selfcheck) {
  std::vector<CheckVerdict> verdicts;
  for (const Check& check : selfcheck.checks) {
    verdicts.push_back(check.verdict);
  }
  return verdicts;
}

using enum CheckKind;
using enum CheckVerdict;

// Holm's levels for four claims at 0.01 are 0.0025, 0.00333, 0.005, 0.01.
TEST(JudgeTest, ClaimsShareTheLevelByHolmsProcedure) {
  const Selfcheck two_fail =
      judged({sampled(kDistribution, 0.004), sampled(kDistribution, 0.9),
              sampled(kDistribution, 0.002), sampled(kDistribution, 0.003)});
  // 0.002 and 0.003 fail, and so does 0.004 against 0.005; 0.9 does not.
  EXPECT_EQ(verdicts(two_fail), (std::vector{kFails, kHolds, kFails, kFails}));
  EXPECT_EQ(two_fail.verdict, SelfcheckVerdict::kNotLossless);
  EXPECT_EQ(two_fail.statistical_claims, 4);
  EXPECT_DOUBLE_EQ(two_fail.strictest_level, 0.0025);

  // Where the least holds, all do, though 0.004 is below 0.005.
  const Selfcheck none_fails =
      judged({sampled(kDistribution, 0.004), sampled(kDistribution, 0.9),
              sampled(kDistribution, 0.0027), sampled(kDistribution, 0.003)});
  EXPECT_EQ(verdicts(none_fails),
            (std::vector{kHolds, kHolds, kHolds, kHolds}));
  EXPECT_EQ(none_fails.verdict, SelfcheckVerdict::kLossless);
}

TEST(JudgeTest, OneDifferentTextIsAFailure) {
  const Selfcheck result =
      judged({compared(kGreedy, 0), compared(kReproducible, 1)});
  EXPECT_EQ(verdicts(result), (std::vector{kHolds, kFails}));
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kNotLossless);
}

TEST(JudgeTest, WrongRulesMustBeCaughtAtTheStrictestLevel) {
  const std::vector<Check> claims(4, sampled(kDistribution, 0.5));
  std::vector<Check> checks = claims;
  checks.push_back(sampled(kControl, 0.0024));
  checks.push_back(compared(kControl, 3));
  EXPECT_EQ(judged(checks).verdict, SelfcheckVerdict::kLossless);
  checks.push_back(sampled(kControl, 0.0026));
  const Selfcheck result = judged(checks);
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kInconclusive);
  EXPECT_EQ(result.checks.back().verdict, kNotCaught);
  EXPECT_EQ(result.checks[4].verdict, kCaught);
  checks.push_back(compared(kControl, 0));
  EXPECT_EQ(judged(checks).checks.back().verdict, kNotCaught);
}

TEST(JudgeTest, ALossyRuleIsNeverAFailure) {
  const Selfcheck result =
      judged({sampled(kDistribution, 0.5), sampled(kLossy, 0.009),
              sampled(kLossy, 0.5)});
  EXPECT_EQ(verdicts(result),
            (std::vector{kHolds, kLossyDetected, kLossyUndetected}));
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kLossless);
}

TEST(JudgeTest, NothingIsLosslessWhereNothingIsClaimed) {
  for (const double p_value : {1e-9, 0.5}) {
    EXPECT_EQ(
        judged({sampled(kLossy, p_value), sampled(kControl, 1e-9)}).verdict,
        SelfcheckVerdict::kNothingClaimed);
  }
  EXPECT_EQ(judged({compared(kGreedy, 0), sampled(kLossy, 0.5)}).verdict,
            SelfcheckVerdict::kLossless);
  EXPECT_EQ(judged({sampled(kLossy, 0.5), sampled(kControl, 0.5)}).verdict,
            SelfcheckVerdict::kNothingClaimed);
}

TEST(JudgeTest, StatesWhatATestDetects) {
  std::vector<Check> checks(2, sampled(kDistribution, 0.5));
  checks[1].distribution->degrees = 0;
  const Selfcheck result = judged(checks);
  const double distance = result.checks[0].distribution->detects;
  // 1000 texts at that distance, at level 0.01 / 2.
  EXPECT_NEAR(chi_square_power(9, 1000 * 4 * distance * distance, 0.005), 0.99,
              1e-9);
  EXPECT_TRUE(std::isinf(result.checks[1].distribution->detects));
}

}  // namespace
}  // namespace pilotfish
