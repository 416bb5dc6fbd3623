#include "engine/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pilotfish {
namespace {

using ::testing::ElementsAre;

IterationStats iteration(std::int64_t drafted, std::int64_t accepted,
                         std::int64_t emitted, double seconds = 0) {
  IterationStats stats;
  stats.drafted = drafted;
  stats.accepted = accepted;
  stats.emitted = emitted;
  stats.total_seconds = seconds;
  return stats;
}

TEST(StatisticsTest, CountsAcceptanceByPlace) {
  const IterationStats iterations[] = {iteration(4, 4, 5), iteration(4, 1, 2),
                                       iteration(4, 0, 1), iteration(2, 2, 3)};
  const GenerationStats stats = summarise(iterations, 7, 11, 0.5, 2.0);
  EXPECT_EQ(stats.prompt_tokens, 7);
  EXPECT_EQ(stats.generated_tokens, 11);
  EXPECT_DOUBLE_EQ(stats.mean_acceptance_length, 11.0 / 4);
  EXPECT_DOUBLE_EQ(stats.acceptance_rate, 7.0 / 14);
  EXPECT_THAT(stats.acceptance_per_position,
              ElementsAre(3.0 / 4, 2.0 / 4, 1.0 / 3, 1.0 / 3));
  EXPECT_DOUBLE_EQ(stats.tokens_per_second, (11 - 5) / 2.0);
}

TEST(StatisticsTest, WeighsTheTimePerTokenByTokens) {
  // Per token: 99 at 1 ms, 1 at 50 ms; the first iteration, 9 s, is out.
  std::vector<IterationStats> iterations = {iteration(0, 0, 1, 9)};
  for (int i = 0; i < 33; ++i) iterations.push_back(iteration(2, 2, 3, 3e-3));
  iterations.push_back(iteration(2, 0, 1, 50e-3));
  GenerationStats stats = summarise(iterations, 1, 101, 9, 1);
  EXPECT_DOUBLE_EQ(stats.tpot_median_seconds, 1e-3);
  EXPECT_DOUBLE_EQ(stats.tpot_p99_seconds, 1e-3);

  iterations.push_back(iteration(2, 0, 1, 60e-3));
  stats = summarise(iterations, 1, 102, 9, 1);
  EXPECT_DOUBLE_EQ(stats.tpot_p99_seconds, 50e-3);
}

TEST(StatisticsTest, LeavesOutTokensBehindAStopString) {
  const IterationStats iterations[] = {iteration(0, 0, 1), iteration(4, 4, 5)};
  const GenerationStats stats = summarise(iterations, 1, 3, 0, 1);
  EXPECT_EQ(stats.iterations[1].emitted, 2);
  EXPECT_DOUBLE_EQ(stats.mean_acceptance_length, 1.5);
}

TEST(StatisticsTest, OfNothingAreZero) {
  const GenerationStats stats = summarise({}, 5, 0, 0, 0);
  EXPECT_EQ(stats.tokens_per_second, 0);
  EXPECT_EQ(stats.tpot_p99_seconds, 0);
  EXPECT_EQ(stats.mean_acceptance_length, 0);
  EXPECT_TRUE(stats.acceptance_per_position.empty());
}

}  // namespace
}  // namespace pilotfish
