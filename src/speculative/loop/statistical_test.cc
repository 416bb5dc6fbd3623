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
#include <tuple>
#include <vector>

#include "pilotfish/window.h"
#include "speculative/acceptors/block.h"
#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/drafters/suffix_drafter.h"
#include "speculative/testing/naive_loop.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/trials.h"
#include "speculative/testing/windows.h"

namespace pilotfish {
namespace {

using test::ArgmaxDrafter;
using test::Bug;
using test::kCaught;
using test::kControlTrials;
using test::kLevel;
using test::kTrials;
using test::LogitTable;
using test::TableScorer;
using test::Tally;
using test::Toy;

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
    {"AllowedTokens",
     [](Toy& t) {
       t.sampling.allowed_tokens = {0, 1, 2, 3, 4, 6, 7, 9, 11, 12, 15};
     }},
    {"BannedTokens",
     [](Toy& t) {
       t.sampling.banned_tokens = {4, 9, 10, 14};
     }},
    {"BadWords",
     [](Toy& t) {
       // One that the prompt begins, some that drafts do, and a single token.
       t.sampling.bad_words = {{2, 7}, {1, 3}, {3, 3}, {9, 0, 12}, {0, 6}, {5}};
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
       t.sampling.penalty_window = 4;
       t.sampling.allowed_tokens = {0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 15};
       t.sampling.banned_tokens = {8};
       t.sampling.bad_words = {{2, 7}, {3, 3}, {12}};
       t.stop_tokens = {2, 9};
       t.sampling.min_tokens = 2;
     }},
};

void PrintTo(const Config& config, std::ostream* out) { *out << config.name; }

TEST(Statistics, PowerIsAsStated) {
  // Vocabulary 16 at one position; whole texts in 241 buckets; a vocabulary of
  // 4096 at one position.
  const auto power = [](double degrees, double w) {
    return chi_square_power(degrees, kTrials * w * w, kLevel / 6);
  };
  EXPECT_GT(power(15, 0.04), 0.99);
  EXPECT_GT(power(240, 0.04), 0.99);
  EXPECT_GT(power(4095, 0.06), 0.99);
}

// An acceptor, and the processors.
class Lossless
    : public testing::TestWithParam<std::tuple<const char*, Config>> {
 protected:
  Lossless() { std::get<1>(GetParam()).apply(toy_); }

  double p_value(Scorer& target, Drafter& drafter) const {
    const Tally tally = test::decoded_tally(
        toy_, kTrials, target, drafter, make_acceptor(std::get<0>(GetParam())));
    return tally.p_value(test::expected_tally(toy_));
  }

  Toy toy_ = narrow_toy();
};

TEST_P(Lossless, WithSampledDrafts) {
  TableScorer target(toy_.target);
  TableScorer draft(toy_.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  EXPECT_GT(p_value(target, drafter), kLevel);
}

TEST_P(Lossless, WithArgmaxDrafts) {
  TableScorer target(toy_.target);
  ArgmaxDrafter drafter(toy_.draft);
  EXPECT_GT(p_value(target, drafter), kLevel);
}

INSTANTIATE_TEST_SUITE_P(Processors, Lossless,
                         testing::Combine(testing::Values("rejection", "block"),
                                          testing::ValuesIn(kConfigs)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) +
                                  std::get<1>(test.param).name;
                         });

// Its text is plain sampling's, as acceptors_test.cc shows; so this tests the
// distribution of that, and all processors at once will do.
INSTANTIATE_TEST_SUITE_P(
    Coupled, Lossless,
    testing::Combine(testing::Values("coupled"),
                     testing::Values(kConfigs[0], std::end(kConfigs)[-1])),
    [](const auto& test) {
      return std::string(std::get<0>(test.param)) +
             std::get<1>(test.param).name;
    });

// Drafters that look up, in a prompt that gives them something to find.
class LosslessLookup : public testing::TestWithParam<const char*> {
 protected:
  static Toy toy() {
    Toy toy = narrow_toy();
    toy.prompt = {3, 7, 3, 7, 12, 3, 7};
    toy.sampling.frequency_penalty = 0.3;
    return toy;
  }
  double p_value(Drafter& drafter) const {
    const Toy toy = this->toy();
    TableScorer target(toy.target);
    return test::decoded_tally(toy, kTrials, target, drafter,
                               make_acceptor(GetParam()))
        .p_value(test::expected_tally(toy));
  }
};

TEST_P(LosslessLookup, WithNgrams) {
  NgramDrafter drafter;
  EXPECT_GT(p_value(drafter), kLevel);
}

TEST_P(LosslessLookup, WithSuffixesACorpusAndThenAModel) {
  const Toy toy = this->toy();
  TableScorer draft(toy.draft);
  const std::vector<Token> corpus = {7, 12, 3, 5, 5, 1, 12, 3, 5, 8, 1, 12, 0};
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::make_unique<SuffixDrafter>(make_corpus(corpus)));
  drafters.push_back(std::make_unique<ModelDrafter>(draft, 16));
  PreferenceDrafter drafter(std::move(drafters));
  EXPECT_GT(p_value(drafter), kLevel);
}

INSTANTIATE_TEST_SUITE_P(Acceptors, LosslessLookup,
                         testing::Values("rejection", "block"),
                         [](const auto& test) { return test.param; });

// Windows that change all the time, and drafts that end by what was drafted.
class LosslessWindows : public testing::TestWithParam<const char*> {
 protected:
  LosslessWindows() { toy_.window = kAutoWindow; }

  double p_value(Drafter& drafter, std::shared_ptr<WindowPolicy> policy,
                 const char* acceptor, std::uint64_t trials = kTrials) const {
    TableScorer target(toy_.target);
    return test::decoded_tally(toy_, trials, target, drafter,
                               make_acceptor(acceptor),
                               {.policy = std::move(policy)})
        .p_value(test::expected_tally(toy_));
  }

  Toy toy_ = narrow_toy();
  TableScorer draft_{toy_.draft};
  ModelDrafter drafter_{draft_, 16};
};

TEST_P(LosslessWindows, Wild) {
  EXPECT_GT(
      p_value(drafter_, std::make_shared<test::WildWindow>(1), GetParam()),
      kLevel);
}

TEST_P(LosslessWindows, EndedByConfidence) {
  EXPECT_GT(
      p_value(drafter_, std::make_shared<test::SureWindow>(0.3), GetParam()),
      kLevel);
}

TEST_P(LosslessWindows, Adaptive) {
  EXPECT_GT(
      p_value(drafter_, std::make_shared<test::ClocklessWindow>(1), GetParam()),
      kLevel);
}

TEST_P(LosslessWindows, AdaptiveWithPreferences) {
  toy_.prompt = {3, 7, 3, 7, 12, 3, 7};
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::make_unique<NgramDrafter>());
  drafters.push_back(std::make_unique<ModelDrafter>(draft_, 16));
  PreferenceDrafter drafter(std::move(drafters));
  EXPECT_GT(
      p_value(drafter, std::make_shared<test::ClocklessWindow>(2), GetParam()),
      kLevel);
}

TEST_P(LosslessWindows, PeekingAtTheNumbersThatDecideIsCaught) {
  EXPECT_LT(p_value(drafter_, std::make_shared<test::PeekingWindow>(),
                    GetParam(), kControlTrials),
            kCaught);
}

// Takes back the token that it ends with, where that is an unsure one.
class TakesBack final : public Drafter {
 public:
  explicit TakesBack(Drafter& drafter) : drafter_(drafter) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    std::vector<Draft> drafts = drafter_.propose(requests);
    for (Draft& draft : drafts) {
      if (draft.size() == 0 || draft.proposed(draft.size() - 1) > 0.3) continue;
      draft.tokens.pop_back();
      draft.probs.pop_back();
    }
    return drafts;
  }
  void commit(std::span<const PassRows> passes,
              const PassOutput& output) override {
    drafter_.commit(passes, output);
  }
  void release(SequenceKey key) override { drafter_.release(key); }

 private:
  Drafter& drafter_;
};

TEST_P(LosslessWindows, TakingBackAnUnsureTokenIsCaught) {
  TakesBack drafter(drafter_);
  EXPECT_LT(p_value(drafter, std::make_shared<test::SureWindow>(0.3),
                    GetParam(), kControlTrials),
            kCaught);
}

INSTANTIATE_TEST_SUITE_P(Acceptors, LosslessWindows,
                         testing::Values("rejection", "block"),
                         [](const auto& test) { return test.param; });

// Vocabulary 4096: real processors and acceptor, with each context's rows
// processed once. Three tokens with a window of three, then of what is left.
class Wide {
 public:
  Wide(const std::string& acceptor, const SamplingParams& sampling, bool argmax)
      : argmax_(argmax), acceptor_(make_acceptor(acceptor)) {
    const LogitTable target(kVocab, kContexts, 5, 2.5f);
    const LogitTable draft = LogitTable::like(target, 6, 1.0f);
    LogitsProcessor processor;
    const TokenHistory history({0}, sampling);
    for (Token token = 0; token < kContexts; ++token) {
      const std::vector<Token> prefix = {0, token};  // differ in the context
      p_.push_back(
          processor.process(target.row(prefix), sampling, history, {}));
      q_.push_back(processor.process(draft.row(prefix), sampling, history, {}));
    }
    for (size_t a = 0; a < kContexts; ++a) {
      for (size_t b = 0; b < kContexts; ++b) {
        for (const Distribution& p : p_) rows_.push_back({p_[a], p_[b], p});
        drafts_.push_back({{}, {q_[a], q_[b]}});
      }
      short_drafts_.push_back({{}, {q_[a]}});
    }
  }

  // The least of the p-values for each token and each neighbouring pair (by
  // their residues), corrected for being five.
  double p_value() {
    Counts counts;
    for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
      const std::vector<Token> text = generate(Random(seed));
      for (size_t i = 0; i < kTokens; ++i) counts.add(i, text[i], 1);
      for (size_t i = 0; i + 1 < kTokens; ++i) {
        counts.add_pair(i, text[i] % kResidues, text[i + 1] % kResidues, 1);
      }
    }
    const Counts expected = this->expected();
    double least = 1;
    for (size_t i = 0; i < counts.bins.size(); ++i) {
      least = std::min(least,
                       chi_square(counts.bins[i], expected.bins[i]).p_value());
    }
    return std::min(1.0, least * static_cast<double>(counts.bins.size()));
  }

 private:
  static constexpr std::int64_t kVocab = 4096;
  static constexpr Token kContexts = 3;
  static constexpr Token kResidues = 13;
  static constexpr size_t kTokens = 3;
  static constexpr size_t kPrompt = 1;  // the context it starts in

  struct Counts {
    std::vector<std::vector<double>> bins;  // of tokens, then of pairs
    Counts() : bins(kTokens, std::vector<double>(kVocab)) {
      bins.resize(2 * kTokens - 1, std::vector<double>(kResidues * kResidues));
    }
    void add(size_t i, Token token, double weight) {
      bins[i][static_cast<size_t>(token)] += weight;
    }
    void add_pair(size_t i, Token first, Token second, double weight) {
      bins[kTokens + i][static_cast<size_t>(first * kResidues + second)] +=
          weight;
    }
  };

  static size_t context(Token token) {
    return static_cast<size_t>(token % kContexts);
  }

  Token propose(size_t from, const Random& random, std::uint64_t position,
                std::uint32_t place) const {
    return argmax_ ? q_[from].argmax()
                   : q_[from].sample(
                         random.uniform(position, RandomRole::kDraft, place));
  }

  std::vector<Token> generate(const Random& random) {
    std::vector<Token> text;
    size_t from = kPrompt;
    while (text.size() < kTokens) {
      const size_t length = kTokens - text.size() - 1;
      const std::uint64_t position = text.size() + 2;
      std::vector<Token> tokens;
      size_t contexts[] = {from, 0, 0};
      for (size_t i = 0; i < length; ++i) {
        tokens.push_back(propose(contexts[i], random, position + i,
                                 static_cast<std::uint32_t>(i)));
        contexts[i + 1] = context(tokens.back());
      }
      const std::span<const Distribution> rows =
          std::span(rows_[(contexts[0] * kContexts + contexts[1]) * kContexts +
                          contexts[2]])
              .first(length + 1);
      Draft& draft = length == 2   ? drafts_[from * kContexts + contexts[1]]
                     : length == 1 ? short_drafts_[from]
                                   : none_;
      if (argmax_) draft.probs.clear();
      draft.tokens = std::move(tokens);
      const Verdict verdict =
          acceptor_->accept({draft, rows, random, position});
      text.insert(text.end(), verdict.tokens.begin(), verdict.tokens.end());
      from = context(text.back());
    }
    return text;
  }

  Counts expected() const {
    Counts counts;
    std::vector<double> reached(kContexts);  // before token i
    reached[kPrompt] = 1;
    for (size_t i = 0; i < kTokens; ++i) {
      std::vector<double> next(kContexts);
      // Of token i: its residue, and the context it leads to.
      double joint[kResidues][kContexts] = {};
      for (size_t c = 0; c < kContexts; ++c) {
        for (const auto& entry : p_[c].entries()) {
          const double weight = reached[c] * entry.probability;
          counts.add(i, entry.token, weight);
          next[context(entry.token)] += weight;
          joint[entry.token % kResidues][context(entry.token)] += weight;
        }
      }
      reached = std::move(next);
      if (i + 1 == kTokens) break;
      for (size_t c = 0; c < kContexts; ++c) {
        for (const auto& entry : p_[c].entries()) {
          for (Token first = 0; first < kResidues; ++first) {
            counts.add_pair(i, first, entry.token % kResidues,
                            joint[first][c] * entry.probability);
          }
        }
      }
    }
    return counts;
  }

  bool argmax_;
  std::vector<Distribution> p_;  // [context]
  std::vector<Distribution> q_;
  // Not copied for each trial: the target's rows for every three contexts, the
  // drafts for every two and one.
  std::vector<std::vector<Distribution>> rows_;
  std::vector<Draft> drafts_;
  std::vector<Draft> short_drafts_;
  Draft none_;
  std::shared_ptr<const TokenAcceptor> acceptor_;
};

SamplingParams sampled(double top_p) {
  SamplingParams params;
  params.temperature = 1;
  params.top_p = top_p;
  return params;
}

class LosslessWide : public testing::TestWithParam<const char*> {};

TEST_P(LosslessWide, WithSampledDrafts) {
  EXPECT_GT(Wide(GetParam(), sampled(1), false).p_value(), kLevel);
}

TEST_P(LosslessWide, WithSampledDraftsAndTruncation) {
  EXPECT_GT(Wide(GetParam(), sampled(0.9), false).p_value(), kLevel);
}

TEST_P(LosslessWide, WithArgmaxDraftsAndTruncation) {
  EXPECT_GT(Wide(GetParam(), sampled(0.95), true).p_value(), kLevel);
}

INSTANTIATE_TEST_SUITE_P(Acceptors, LosslessWide,
                         testing::Values("rejection", "block"),
                         [](const auto& test) { return test.param; });

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
void constrain(Toy& toy) {
  for (Token a = 0; a < 16; ++a) {
    for (Token b = 0; b < 16; ++b) {
      if ((a + b) % 3 == 0) toy.sampling.bad_words.push_back({a, b});
    }
  }
}
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

TEST(StatisticalControl, BadWordsThatIgnoreDraftedTokensAreCaught) {
  EXPECT_GT(p_value_of(Bug::kNone, constrain), kLevel);
  EXPECT_LT(p_value_of(Bug::kPenaltiesIgnoreDrafted, constrain), kCaught);
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

// Block verification with numbers that a window gives up and the next one uses
// again: those of the draft, or those of the tests.
class ReusedDraftNumbers final : public Drafter {
 public:
  ReusedDraftNumbers(const LogitTable& table, bool reused)
      : table_(table), reused_(reused) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    std::vector<Draft> drafts;
    for (const DraftRequest& request : requests) {
      const Sequence& sequence = *request.sequence;
      TokenHistory history = sequence.history();
      Draft& draft = drafts.emplace_back();
      for (std::int64_t i = 0; i < request.length; ++i) {
        draft.probs.push_back(processor_.process(table_.row(history.tokens()),
                                                 sequence.sampling(), history,
                                                 sequence.stop_tokens()));
        draft.tokens.push_back(
            draft.probs.back().sample(sequence.random().uniform(
                static_cast<std::uint64_t>(history.size()), RandomRole::kDraft,
                reused_ ? 0 : static_cast<std::uint32_t>(i))));
        history.push(draft.tokens.back());
      }
    }
    return drafts;
  }

 private:
  const LogitTable& table_;
  bool reused_;
  LogitsProcessor processor_;
};

class ReusedTestNumbers final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "reused"; }
  bool lossless() const override { return false; }
  Verdict accept(const Verification& v) const override {
    return verify_block(v.draft, v.target, Chance(v.random, v.position));
  }

 private:
  class Chance {
   public:
    Chance(const Random& random, std::uint64_t position)
        : random_(random), position_(position) {}
    bool accepts(double probability, size_t place) const {
      return random_.uniform(position_ + place, RandomRole::kAccept) <
             probability;
    }
    Token draw(const Distribution& d, size_t place, RandomRole role) const {
      return d.sample(random_.uniform(position_ + place, role));
    }

   private:
    const Random& random_;
    std::uint64_t position_;
  };
};

double block_p_value(bool reused_drafts, bool reused_tests) {
  const LogitTable target(16, 8, 1, 1.0f);
  Toy toy(target, LogitTable::like(target, 2, 2.0f));
  toy.sampling.temperature = 1;
  TableScorer scorer(toy.target);
  ReusedDraftNumbers drafter(toy.draft, reused_drafts);
  const auto acceptor =
      reused_tests ? std::shared_ptr<const TokenAcceptor>(new ReusedTestNumbers)
                   : make_acceptor("block");
  return test::decoded_tally(toy, kTrials, scorer, drafter, acceptor)
      .p_value(test::expected_tally(toy));
}

TEST(StatisticalControl, NumbersThatABlockGaveUpAreCaughtWhenUsedAgain) {
  EXPECT_GT(block_p_value(false, false), kLevel);
  EXPECT_LT(block_p_value(true, false), kCaught);
  EXPECT_LT(block_p_value(false, true), kCaught);
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
