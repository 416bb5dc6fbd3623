#include "speculative/window/source_trial.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace pilotfish {
namespace {

// How many tokens come between the tries of a source that never guesses right,
// where a try costs so much.
std::vector<std::int64_t> rests_of_a_hopeless_source(double cost) {
  const AcceptanceEstimate usual(0.99, nullptr);
  SourceTrial trial(usual);
  TrySavings savings;
  std::vector<std::int64_t> rests;
  std::int64_t rest = 0;
  for (int token = 0; token < 4000; ++token) {
    savings.next_iteration();
    if (trial.next_use(/*pays=*/false, cost, savings) ==
        SourceTrial::Use::kTry) {
      if (trial.drafted(1, 0, {})) savings.settle(-cost);
      rests.push_back(rest);
      rest = 0;
    } else {
      if (trial.left_out(1)) savings.save(1);
      ++rest;
    }
  }
  return rests;
}

TEST(SourceTrial, RestsGrowUpToABound) {
  const auto rests = rests_of_a_hopeless_source(0.3);
  ASSERT_GT(rests.size(), 20u);
  EXPECT_LT(rests.front(), rests.back());
  EXPECT_LE(std::ranges::max(rests), 64);
  EXPECT_EQ(rests.back(), 64);
}

// 1.5 % of the time is what tries may cost.
TEST(SourceTrial, DearTriesWaitUntilTheyAreSavedFor) {
  const auto rests = rests_of_a_hopeless_source(3);
  ASSERT_GT(rests.size(), 10u);
  EXPECT_NEAR(static_cast<double>(rests.back()), 3 / 0.015, 2);
}

TEST(SourceTrial, ATryThatSucceedsTakesTheSourceUp) {
  const AcceptanceEstimate usual(0.99, nullptr);
  SourceTrial trial(usual);
  TrySavings savings;
  while (trial.next_use(false, 0.1, savings) != SourceTrial::Use::kTry) {
    if (trial.left_out(1)) savings.save(1);
    savings.next_iteration();
  }
  trial.drafted(1, 1, {});
  EXPECT_GT(trial.acceptance().at(0), 0.55);
  EXPECT_EQ(trial.next_use(true, 0.1, savings), SourceTrial::Use::kFull);
}

// A trial of a sequence whose source was in use before it began to rest.
SourceTrial resting(const AcceptanceEstimate& usual, TrySavings& savings) {
  SourceTrial trial(usual);
  trial.drafted(1, 0, {});
  EXPECT_EQ(trial.next_use(false, 0.1, savings), SourceTrial::Use::kNone);
  return trial;
}

// Tokens that another source brings in are tokens too.
TEST(SourceTrial, RestsWhileOthersDraft) {
  const AcceptanceEstimate usual(0.99, nullptr);
  TrySavings savings;
  SourceTrial trial = resting(usual, savings);
  savings.save(31);
  trial.left_out(31);
  EXPECT_EQ(trial.behind(), 31);
  EXPECT_EQ(trial.next_use(false, 0.1, savings), SourceTrial::Use::kNone);
  trial.left_out(1);
  EXPECT_EQ(trial.next_use(false, 0.1, savings), SourceTrial::Use::kTry);
}

// All hold up the same batch.
TEST(SourceTrial, SequencesTryFromTheSameSavings) {
  const AcceptanceEstimate usual(0.99, nullptr);
  TrySavings savings;
  SourceTrial first = resting(usual, savings);
  SourceTrial second = resting(usual, savings);
  savings.save(10);
  first.left_out(64);
  second.left_out(64);
  EXPECT_EQ(first.next_use(false, 0.1, savings), SourceTrial::Use::kTry);
  EXPECT_EQ(second.next_use(false, 0.1, savings), SourceTrial::Use::kNone);
}

// It has missed no tokens yet, which makes a try cheap.
TEST(SourceTrial, ANewSequenceIsTriedAtOnceIfThatIsSavedFor) {
  const AcceptanceEstimate usual(0.99, nullptr);
  TrySavings savings;
  EXPECT_EQ(SourceTrial(usual).next_use(false, 0.1, savings),
            SourceTrial::Use::kNone);
  savings.save(10);
  EXPECT_EQ(SourceTrial(usual).next_use(false, 0.1, savings),
            SourceTrial::Use::kTry);
}

}  // namespace
}  // namespace pilotfish
