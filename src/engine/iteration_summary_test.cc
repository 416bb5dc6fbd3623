#include "pilotfish/iteration_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace pilotfish {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

IterationStats iteration(std::int64_t drafted, std::int64_t accepted,
                         std::int64_t emitted, double seconds = 0) {
  IterationStats stats;
  stats.drafted = drafted;
  stats.accepted = accepted;
  stats.emitted = emitted;
  stats.total_seconds = seconds;
  return stats;
}

// The pass that encodes the prompt.
const IterationStats kFirst = iteration(0, 0, 1, 9);

IterationSummary summary_of(std::vector<IterationStats> text) {
  IterationSummary summary;
  summary.add(text);
  return summary;
}

TEST(IterationSummary, CountsAcceptanceByPlace) {
  const IterationSummary summary =
      summary_of({kFirst, iteration(4, 4, 5), iteration(4, 1, 2),
                  iteration(4, 0, 1), iteration(2, 2, 3), iteration(0, 0, 1)});
  EXPECT_EQ(summary.passes, 5);
  EXPECT_EQ(summary.tokens, 12);
  EXPECT_DOUBLE_EQ(summary.tokens_per_pass(), 12.0 / 5);
  EXPECT_DOUBLE_EQ(summary.acceptance_rate(), 7.0 / 14);
  // Decided: 4, 2, 1 and 2 places.
  EXPECT_DOUBLE_EQ(summary.acceptance_per_token(), 7.0 / 9);
  EXPECT_THAT(summary.acceptance_by_place(),
              ElementsAre(3.0 / 4, 2.0 / 4, 1.0 / 3, 1.0 / 3));
  EXPECT_DOUBLE_EQ(summary.mean_window(), 1 + 14.0 / 5);
  EXPECT_DOUBLE_EQ(summary.plain_share(), 1.0 / 5);
}

TEST(IterationSummary, TheFirstIterationOfEachTextIsOut) {
  const IterationStats decoding = iteration(2, 1, 2, 0.5);
  IterationSummary two = summary_of({kFirst, decoding});
  two.add(std::vector{kFirst, decoding, decoding});
  EXPECT_EQ(two.passes, 3);
  EXPECT_EQ(two.tokens, 6);
  EXPECT_DOUBLE_EQ(two.seconds, 1.5);
  EXPECT_EQ(summary_of({kFirst}).passes, 0);
}

TEST(IterationSummary, OfATreePlacesAreJudgedAndTokensDrafted) {
  IterationStats tree = iteration(7, 2, 3);
  tree.tree_depth = 3;
  const IterationSummary summary = summary_of({kFirst, tree});
  EXPECT_DOUBLE_EQ(summary.acceptance_rate(), 2.0 / 7);
  EXPECT_DOUBLE_EQ(summary.mean_window(), 8);
  EXPECT_DOUBLE_EQ(summary.acceptance_per_token(), 2.0 / 3);
  EXPECT_THAT(summary.acceptance_by_place(), ElementsAre(1, 1, 0));
  // All places kept: nothing was rejected, though tokens were left over.
  tree.accepted = 3;
  tree.emitted = 4;
  EXPECT_DOUBLE_EQ(summary_of({kFirst, tree}).acceptance_per_token(), 1);
}

TEST(IterationSummary, CountsWhatEachDrafterDrafted) {
  IterationStats second = iteration(4, 2, 3);
  second.drafter = 1;
  IterationSummary summary =
      summary_of({kFirst, second, iteration(0, 0, 1), iteration(2, 0, 1)});
  summary.add(summary_of({kFirst, second, second}));
  ASSERT_EQ(summary.by_drafter.size(), 2u);
  const auto& [first, other] =
      std::pair(summary.by_drafter[0], summary.by_drafter[1]);
  EXPECT_EQ(first.passes, 1);
  EXPECT_EQ(first.drafted, 2);
  EXPECT_EQ(first.accepted, 0);
  EXPECT_THAT(first.accepted_at, IsEmpty());
  EXPECT_EQ(other.passes, 3);
  EXPECT_EQ(other.drafted, 12);
  EXPECT_EQ(other.accepted, 6);
  EXPECT_THAT(other.accepted_at, ElementsAre(3, 3));
}

TEST(IterationSummary, NothingIsRejectedBehindTheEndOfAText) {
  // A stop token was the second of four that were accepted.
  const IterationSummary summary = summary_of({kFirst, iteration(4, 2, 2)});
  EXPECT_DOUBLE_EQ(summary.acceptance_per_token(), 1);
  EXPECT_DOUBLE_EQ(summary.acceptance_rate(), 0.5);
}

TEST(IterationSummary, WeighsTheTimeOfATokenByTokens) {
  // 99 tokens at 1 ms, one at 50 ms.
  std::vector<IterationStats> text = {kFirst};
  for (int i = 0; i < 33; ++i) text.push_back(iteration(2, 2, 3, 3e-3));
  text.push_back(iteration(2, 0, 1, 50e-3));
  const IterationSummary summary = summary_of(text);
  EXPECT_DOUBLE_EQ(quantile(summary.token_seconds, 0.5), 1e-3);
  EXPECT_DOUBLE_EQ(quantile(summary.token_seconds, 98.0 / 99), 1e-3);
  EXPECT_DOUBLE_EQ(quantile(summary.token_seconds, 1), 50e-3);
}

TEST(IterationSummary, SplitsTheTimeOfAToken) {
  IterationStats pass = iteration(4, 3, 4, 8);
  pass.draft_seconds = 2;
  pass.verify_seconds = 5;
  const IterationSummary summary = summary_of({kFirst, pass, pass});
  const IterationSummary::Split split = summary.split();
  EXPECT_DOUBLE_EQ(split.draft, 0.5);
  EXPECT_DOUBLE_EQ(split.verify, 1.25);
  EXPECT_DOUBLE_EQ(split.bookkeeping, 0.25);
  EXPECT_DOUBLE_EQ(summary.bookkeeping_share(), 0.125);
  EXPECT_DOUBLE_EQ(summary.seconds_per_token(), 2);
  EXPECT_DOUBLE_EQ(summary.draft_seconds_per_drafted(), 0.5);
}

// A drafter that was asked and gave nothing took time, but no pass drafted.
TEST(IterationSummary, DraftingTimesAreThoseOfPassesThatDrafted) {
  IterationStats drafted = iteration(4, 3, 4, 8);
  drafted.draft_seconds = 2;
  IterationStats plain = iteration(0, 0, 1, 5);
  plain.draft_seconds = 0.25;
  const IterationSummary summary =
      summary_of({kFirst, plain, drafted, plain, plain});
  EXPECT_THAT(summary.draft_seconds, ElementsAre(2));
  EXPECT_DOUBLE_EQ(summary.drafting_seconds, 2.75);
  EXPECT_DOUBLE_EQ(summary.split().draft, 2.75 / 7);
  EXPECT_DOUBLE_EQ(summary.draft_seconds_per_drafted(), 2.75 / 4);
  IterationSummary twice = summary;
  twice.add(summary);
  EXPECT_DOUBLE_EQ(twice.drafting_seconds, 5.5);
}

TEST(IterationSummary, OfSummariesIsThatOfAllTexts) {
  const std::vector<IterationStats> one = {kFirst, iteration(1, 1, 2, 3)};
  const std::vector<IterationStats> two = {kFirst, iteration(3, 1, 2, 1),
                                           iteration(0, 0, 1, 1)};
  IterationSummary both = summary_of(one);
  both.add(summary_of(two));
  IterationSummary expected = summary_of(one);
  expected.add(two);
  EXPECT_EQ(both.passes, expected.passes);
  EXPECT_EQ(both.plain_passes, expected.plain_passes);
  EXPECT_EQ(both.tokens, expected.tokens);
  EXPECT_EQ(both.drafted, expected.drafted);
  EXPECT_EQ(both.accepted, expected.accepted);
  EXPECT_EQ(both.decided, expected.decided);
  EXPECT_EQ(both.seconds, expected.seconds);
  EXPECT_EQ(both.draft_seconds, expected.draft_seconds);
  EXPECT_EQ(both.verify_seconds, expected.verify_seconds);
  EXPECT_EQ(both.offered_at, expected.offered_at);
  EXPECT_EQ(both.accepted_at, expected.accepted_at);
  EXPECT_EQ(quantile(both.token_seconds, 0.7),
            quantile(expected.token_seconds, 0.7));
}

TEST(IterationSummary, OfNothingIsZero) {
  const IterationSummary summary = summary_of({});
  EXPECT_EQ(summary.tokens_per_pass(), 0);
  EXPECT_EQ(summary.acceptance_rate(), 0);
  EXPECT_EQ(summary.seconds_per_token(), 0);
  EXPECT_EQ(summary.bookkeeping_share(), 0);
  EXPECT_THAT(summary.acceptance_by_place(), IsEmpty());
}

}  // namespace
}  // namespace pilotfish
