// Losslessness of the whole loop: real decoder, drafter, processors, acceptor
// and keyed random numbers, over toy models, against the enumerated
// distribution of plain sampling. Seeds are fixed, so a pass is a pass for
// good. Each test refuses at a level of 1e-4; its power against an effect of
// w = 0.04 (0.06 over 4096 bins) is above 0.99, as the first test computes.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

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
constexpr std::uint64_t kControlTrials = 40000;  // less will do
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
  // Vocabulary 16 at one position; whole texts in 241 buckets; a vocabulary of
  // 4096 at one position.
  EXPECT_GT(test::chi_square_power(15, kTrials, 0.04, kLevel / 6), 0.99);
  EXPECT_GT(test::chi_square_power(240, kTrials, 0.04, kLevel / 6), 0.99);
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

// Vocabulary 4096: real processors and acceptor, with each context's rows
// processed once. Two tokens with a window of two: a verdict yields both, or a
// recovered one after which the other is drawn plainly.
class Wide {
 public:
  explicit Wide(const SamplingParams& sampling, bool argmax)
      : target_(kVocab, kContexts, 5, 2.5f), argmax_(argmax) {
    const LogitTable draft = LogitTable::like(target_, 6, 1.0f);
    LogitsProcessor processor;
    const TokenHistory history({0}, sampling);
    for (Token token = 0; token < kContexts; ++token) {
      const std::vector<Token> prefix = with_context(token);
      p_.push_back(
          processor.process(target_.row(prefix), sampling, history, {}));
      q_.push_back(processor.process(draft.row(prefix), sampling, history, {}));
    }
    for (const Distribution& p : p_) {
      rows_.push_back({p_[context(kPrompt)], p});
    }
    if (!argmax) draft_.probs = {q_[context(kPrompt)]};
  }

  // The least of the p-values for the first token, the second and both (by
  // their residues), corrected for being three.
  double p_value() {
    std::vector<double> counts[3];
    std::vector<double> expected[3];
    for (int i = 0; i < 3; ++i) {
      counts[i].resize(i < 2 ? kVocab : kResidues * kResidues);
      expected[i].resize(counts[i].size());
    }
    const auto add = [](std::vector<double>* tally, Token x, Token y,
                        double weight) {
      tally[0][static_cast<size_t>(x)] += weight;
      tally[1][static_cast<size_t>(y)] += weight;
      tally[2]
           [static_cast<size_t>(x % kResidues * kResidues + y % kResidues)] +=
          weight;
    };
    for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
      const std::vector<Token> text = generate(Random(seed));
      add(counts, text[0], text[1], 1);
    }
    expect(expected);
    double least = 1;
    for (int i = 0; i < 3; ++i) {
      least =
          std::min(least, test::chi_square(counts[i], expected[i]).p_value());
    }
    return std::min(1.0, 3 * least);
  }

 private:
  static constexpr std::int64_t kVocab = 4096;
  static constexpr Token kContexts = 3;
  static constexpr Token kResidues = 13;
  static constexpr Token kPrompt = 1;

  // Any prefixes that differ in the table's context.
  static std::vector<Token> with_context(Token token) { return {0, token}; }
  static size_t context(Token token) {
    return static_cast<size_t>(token % kContexts);
  }

  std::vector<Token> generate(const Random& random) {
    const Distribution& q = q_[context(kPrompt)];
    const Token x =
        argmax_ ? q.argmax() : q.sample(random.uniform(2, RandomRole::kDraft));
    draft_.tokens = {x};
    std::vector<Token> text =
        acceptor_->accept({draft_, rows_[context(x)], random, 2}).tokens;
    if (text.size() == 1) {
      const std::span<const Distribution> row =
          std::span(rows_[context(text[0])]).last(1);
      text.push_back(acceptor_->accept({{}, row, random, 3}).tokens[0]);
    }
    return text;
  }

  void expect(std::vector<double>* expected) const {
    double by_context[kContexts] = {};
    double by_both[kContexts][kResidues] = {};
    for (const auto& entry : p_[context(kPrompt)].entries()) {
      expected[0][static_cast<size_t>(entry.token)] += entry.probability;
      by_context[context(entry.token)] += entry.probability;
      by_both[context(entry.token)][entry.token % kResidues] +=
          entry.probability;
    }
    for (size_t c = 0; c < kContexts; ++c) {
      for (const auto& entry : p_[c].entries()) {
        expected[1][static_cast<size_t>(entry.token)] +=
            by_context[c] * entry.probability;
        for (Token x = 0; x < kResidues; ++x) {
          expected[2][static_cast<size_t>(x * kResidues +
                                          entry.token % kResidues)] +=
              by_both[c][x] * entry.probability;
        }
      }
    }
  }

  LogitTable target_;
  bool argmax_;
  std::vector<Distribution> p_;  // [context]
  std::vector<Distribution> q_;
  // Not copied for each trial: the target's rows of a window whose drafted
  // token leads to a context, and the draft.
  std::vector<std::vector<Distribution>> rows_;
  Draft draft_;
  std::shared_ptr<const TokenAcceptor> acceptor_ = make_acceptor("rejection");
};

SamplingParams sampled(double top_p) {
  SamplingParams params;
  params.temperature = 1;
  params.top_p = top_p;
  return params;
}

TEST(LosslessWide, WithSampledDrafts) {
  EXPECT_GT(Wide(sampled(1), false).p_value(), kLevel);
}

TEST(LosslessWide, WithSampledDraftsAndTruncation) {
  EXPECT_GT(Wide(sampled(0.9), false).p_value(), kLevel);
}

TEST(LosslessWide, WithArgmaxDraftsAndTruncation) {
  EXPECT_GT(Wide(sampled(0.95), true).p_value(), kLevel);
}

// Negative controls: the same toys and comparisons, with one thing wrong.

double p_value_of(Bug bug, void (*apply)(Toy&)) {
  Toy toy = narrow_toy();
  apply(toy);
  Tally tally(toy.target.vocab_size(), toy.max_tokens);
  for (std::uint64_t seed = 0; seed < kControlTrials; ++seed) {
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
  const Tally tally = test::decoded_tally(toy, kControlTrials, target, drafter,
                                          make_synthetic_acceptor(0.6));
  EXPECT_LT(tally.p_value(test::expected_tally(toy)), kCaught);
}

}  // namespace
}  // namespace pilotfish
