#include "speculative/window/acceptance_estimate.h"

#include <gtest/gtest.h>

#include <vector>

namespace pilotfish {
namespace {

TEST(AcceptanceEstimate, NobodyJudgedWhatLiesBehindARejection) {
  AcceptanceEstimate estimate(1, nullptr);
  const std::vector<double> confidences = {0.95, 0.7, 0.3};
  const double unseen = estimate.of(0.3);
  for (int i = 0; i < 200; ++i) estimate.add(3, 1, confidences);
  EXPECT_NEAR(estimate.at(0), 1, 0.02);
  EXPECT_NEAR(estimate.at(1), 0, 0.02);
  EXPECT_EQ(estimate.at(2), estimate.at(1));
  EXPECT_NEAR(estimate.of(0.95), 1, 0.02);
  EXPECT_NEAR(estimate.of(0.7), 0, 0.02);
  EXPECT_EQ(estimate.of(0.3), unseen);
}

TEST(AcceptanceEstimate, AKeptDraftRejectsNothing) {
  AcceptanceEstimate estimate(1, nullptr);
  for (int i = 0; i < 200; ++i) estimate.add(2, 2, {});
  EXPECT_NEAR(estimate.at(1), 1, 0.02);
  EXPECT_EQ(estimate.at(5), estimate.at(1));
}

TEST(AcceptanceEstimate, NewWindowsCountMoreThanOldOnes) {
  AcceptanceEstimate estimate(0.9, nullptr);
  for (int i = 0; i < 100; ++i) estimate.add(1, 1, {});
  for (int i = 0; i < 30; ++i) estimate.add(1, 0, {});
  EXPECT_LT(estimate.at(0), 0.25);
}

}  // namespace
}  // namespace pilotfish
