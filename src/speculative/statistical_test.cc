// Losslessness of the whole loop: real decoder, drafter, processors, acceptor
// and keyed random numbers, over toy models, against the enumerated
// distribution of plain sampling. Seeds are fixed, so a pass is a pass for
// good. Each test refuses at a level of 1e-4; its power against an effect of
// w = 0.03 is above 0.99, as the first test computes.

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "speculative/testing/naive_loop.h"
#include "speculative/testing/toy.h"

namespace pilotfish {
namespace {

using test::ArgmaxDrafter;
using test::Bug;
using test::LogitTable;
using test::TableScorer;
using test::Tally;
using test::Toy;

constexpr std::uint64_t kTrials = 200000;
constexpr double kLevel = 1e-4;
constexpr double kCaught = 1e-12;  // what a control must fall below

Toy narrow_toy() {
  const LogitTable target(16, 8, 1);
  Toy toy(target, LogitTable::like(target, 2, 1.0f));
  toy.sampling.temperature = 1;
  return toy;
}

struct Config {
  const char* name;
  void (*apply)(Toy&);
};

// Every processor off, each alone, all together.
const Config kConfigs[] = {
    {"Plain", [](Toy&) {}},
    {"Temperature", [](Toy& t) { t.sampling.temperature = 0.6; }},
    {"TopK", [](Toy& t) { t.sampling.top_k = 5; }},
    {"TypicalP", [](Toy& t) { t.sampling.typical_p = 0.8; }},
    {"TopP", [](Toy& t) { t.sampling.top_p = 0.8; }},
    {"MinP", [](Toy& t) { t.sampling.min_p = 0.1; }},
    {"LogitBias",
     [](Toy& t) {
       t.sampling.logit_bias = {{3, 2.f},
                                {5, -std::numeric_limits<float>::infinity()}};
     }},
    {"RepetitionPenalty", [](Toy& t) { t.sampling.repetition_penalty = 1.8; }},
    {"FrequencyPenalty", [](Toy& t) { t.sampling.frequency_penalty = 1.5; }},
    {"PresencePenalty",
     [](Toy& t) {
       t.sampling.presence_penalty = 2;
       t.sampling.penalty_window = 2;
     }},
    {"StopTokens",
     [](Toy& t) {
       t.stop_tokens = {2, 9, 11};
     }},
    {"MinTokens",
     [](Toy& t) {
       t.stop_tokens = {2, 9, 11};
       t.sampling.min_tokens = 3;
     }},
    {"All",
     [](Toy& t) {
       t.sampling.temperature = 1.3;
       t.sampling.top_k = 12;
       t.sampling.typical_p = 0.97;
       t.sampling.top_p = 0.95;
       t.sampling.min_p = 0.02;
       t.sampling.logit_bias = {{3, 1.f}};
       t.sampling.repetition_penalty = 1.2;
       t.sampling.frequency_penalty = 0.5;
       t.sampling.presence_penalty = 0.3;
       t.stop_tokens = {2, 9};
       t.sampling.min_tokens = 2;
     }},
};

void PrintTo(const Config& config, std::ostream* out) { *out << config.name; }

TEST(Statistics, PowerIsAsStated) {
  // Vocabulary 16 at one position; whole texts in 241 buckets; the largest part
  // of a wide vocabulary.
  EXPECT_GT(test::chi_square_power(15, kTrials, 0.03, kLevel / 6), 0.99);
  EXPECT_GT(test::chi_square_power(240, kTrials, 0.03, kLevel / 6), 0.99);
  EXPECT_GT(test::chi_square_power(4095, kTrials, 0.06, kLevel / 6), 0.99);
}

TEST(Statistics, ChiSquareMatchesItsTables) {
  // Abramowitz and Stegun, table 26.8.
  EXPECT_NEAR((test::ChiSquare{30.5779, 15}.p_value()), 0.01, 1e-6);
  EXPECT_NEAR((test::ChiSquare{10.8276, 1}.p_value()), 0.001, 1e-6);
  EXPECT_NEAR((test::ChiSquare{15.3792, 30}.p_value()), 0.9874, 1e-3);
  EXPECT_NEAR((test::ChiSquare{149.449, 100}.p_value()), 0.001, 1e-6);
}

class Lossless : public testing::TestWithParam<Config> {};

TEST_P(Lossless, WithSampledDrafts) {
  Toy toy = narrow_toy();
  GetParam().apply(toy);
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  const Tally tally = test::decoded_tally(toy, kTrials, target, drafter,
                                          make_acceptor("rejection"));
  EXPECT_GT(tally.p_value(test::expected_tally(toy)), kLevel);
}

TEST_P(Lossless, WithArgmaxDrafts) {
  Toy toy = narrow_toy();
  GetParam().apply(toy);
  TableScorer target(toy.target);
  ArgmaxDrafter drafter(toy.draft);
  const Tally tally = test::decoded_tally(toy, kTrials, target, drafter,
                                          make_acceptor("rejection"));
  EXPECT_GT(tally.p_value(test::expected_tally(toy)), kLevel);
}

INSTANTIATE_TEST_SUITE_P(Processors, Lossless, testing::ValuesIn(kConfigs),
                         [](const auto& config) { return config.param.name; });

// Vocabulary 4096. The first token comes of the prompt, the other two of a
// window of three.
Toy wide_toy() {
  const LogitTable target(4096, 3, 5, 2.5f);
  Toy toy(target, LogitTable::like(target, 6, 1.0f));
  toy.sampling.temperature = 1;
  toy.max_tokens = 2;
  toy.window = 2;
  return toy;
}

TEST(LosslessWide, WithSampledDrafts) {
  const Toy toy = wide_toy();
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  const Tally tally = test::decoded_tally(toy, kTrials, target, drafter,
                                          make_acceptor("rejection"));
  EXPECT_GT(tally.p_value(test::expected_tally(toy)), kLevel);
}

TEST(LosslessWide, WithArgmaxDraftsAndTruncation) {
  Toy toy = wide_toy();
  toy.sampling.top_k = 300;
  toy.sampling.top_p = 0.95;
  TableScorer target(toy.target);
  ArgmaxDrafter drafter(toy.draft);
  const Tally tally = test::decoded_tally(toy, kTrials, target, drafter,
                                          make_acceptor("rejection"));
  EXPECT_GT(tally.p_value(test::expected_tally(toy)), kLevel);
}

// Negative controls: the same toys and comparisons, with one thing wrong.

double p_value_of(Bug bug, void (*apply)(Toy&)) {
  Toy toy = narrow_toy();
  apply(toy);
  Tally tally(toy.target.vocab_size(), toy.max_tokens);
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    tally.add(test::naive_generate(toy, seed, bug));
  }
  return tally.p_value(test::expected_tally(toy));
}

void truncate(Toy& toy) {
  toy.sampling.temperature = 0.7;
  toy.sampling.top_k = 6;
}
void penalise(Toy& toy) { toy.sampling.frequency_penalty = 1.5; }
void stop_early(Toy& toy) { toy.stop_tokens = {2, 9, 11}; }

TEST(StatisticalControl, TheLoopWithoutABugPasses) {
  EXPECT_GT(p_value_of(Bug::kNone, [](Toy&) {}), kLevel);
  EXPECT_GT(p_value_of(Bug::kNone, penalise), kLevel);
  EXPECT_GT(p_value_of(Bug::kNone, stop_early), kLevel);
}

TEST(StatisticalControl, ArgmaxDraftsToldAsSampledAreCaught) {
  EXPECT_LT(p_value_of(Bug::kArgmaxToldAsSampled, [](Toy&) {}), kCaught);
}

TEST(StatisticalControl, NoiseSharedByDraftAndResidualIsCaught) {
  EXPECT_LT(p_value_of(Bug::kSharedNoise, [](Toy&) {}), kCaught);
}

TEST(StatisticalControl, NoiseSharedByDraftAndDecisionIsCaught) {
  EXPECT_LT(p_value_of(Bug::kSharedDecision, [](Toy&) {}), kCaught);
}

TEST(StatisticalControl, UnprocessedDraftProbabilitiesAreCaught) {
  EXPECT_LT(p_value_of(Bug::kUnprocessedDraft, truncate), kCaught);
}

TEST(StatisticalControl, PenaltiesThatIgnoreDraftedTokensAreCaught) {
  EXPECT_LT(p_value_of(Bug::kPenaltiesIgnoreDrafted, penalise), kCaught);
}

TEST(StatisticalControl, TokensAfterTheEndAreCaught) {
  EXPECT_LT(p_value_of(Bug::kTokensAfterStop, stop_early), kCaught);
}

TEST(StatisticalControl, CountingByNonZeroIdsIsCaught) {
  EXPECT_LT(p_value_of(Bug::kCountsNonZeroIds, [](Toy&) {}), kCaught);
}

TEST(StatisticalControl, AResidualOfNothingIsCaught) {
  EXPECT_LT(p_value_of(Bug::kRecoversFromTarget, [](Toy&) {}), kCaught);
}

TEST(StatisticalControl, TheLossyAcceptorIsCaughtInTheRealDecoder) {
  const Toy toy = narrow_toy();
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  const Tally tally = test::decoded_tally(toy, kTrials, target, drafter,
                                          make_synthetic_acceptor(0.6));
  EXPECT_LT(tally.p_value(test::expected_tally(toy)), kCaught);
}

}  // namespace
}  // namespace pilotfish
