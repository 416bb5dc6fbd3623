#include "sampling/processors.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "pilotfish/error.h"
#include "sampling/testing.h"

namespace pilotfish {
namespace {

using test::kInfinity;
using test::Reference;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Case {
  explicit Case(std::vector<float> row, const SamplingParams& sampling = {})
      : logits(std::move(row)), params(sampling) {}
  Case(std::vector<float> row, const SamplingParams& sampling,
       std::vector<Token> before, std::vector<Token> after,
       std::vector<Token> stops)
      : logits(std::move(row)),
        params(sampling),
        prompt(std::move(before)),
        generated(std::move(after)),
        stop(std::move(stops)) {}

  std::vector<float> logits;
  SamplingParams params;
  std::vector<Token> prompt = {0};
  std::vector<Token> generated;
  std::vector<Token> stop;
  mutable RowFault fault;  // of the latest row processed

  Distribution processed() const {
    TokenHistory history(prompt, params);
    for (const Token token : generated) history.push(token);
    LogitsProcessor processor;
    Distribution result = processor.process(logits, params, history, stop);
    fault = processor.fault();
    return result;
  }
};

void expect_as_defined(const Case& c) {
  const Distribution actual = c.processed();
  const Reference expected(c.logits, c.params, c.prompt, c.generated, c.stop);
  double sum = 0;
  Token last = -1;
  for (const Distribution::Entry& entry : actual.entries()) {
    EXPECT_GT(entry.token, last);
    EXPECT_GT(entry.probability, 0);
    last = entry.token;
    sum += entry.probability;
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto token = static_cast<Token>(i);
    EXPECT_NEAR(actual.probability(token), expected.probability(token), 1e-12)
        << "token " << i;
  }
}

std::vector<float> random_logits(std::mt19937& random, size_t size) {
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(size);
  for (float& x : logits) x = normal(random);
  return logits;
}

std::vector<Token> random_tokens(std::mt19937& random, size_t count,
                                 Token vocab) {
  std::uniform_int_distribution<Token> uniform(0, vocab - 1);
  std::vector<Token> tokens(count);
  for (Token& token : tokens) token = uniform(random);
  return tokens;
}

// One parameter set for each processor, and all of them together.
std::vector<SamplingParams> each_processor() {
  std::vector<SamplingParams> all(1);
  all[0].temperature = 0.8;
  const auto add = [&](auto change) {
    SamplingParams params;
    params.temperature = 0.8;
    change(params);
    change(all[0]);
    all.push_back(params);
  };
  add([](SamplingParams& p) { p.temperature = 1.7; });
  add([](SamplingParams& p) {
    p.logit_bias = {{1, 2.5f}, {3, -kInfinity}, {7, -1.f}};
  });
  add([](SamplingParams& p) { p.repetition_penalty = 1.3; });
  add([](SamplingParams& p) { p.frequency_penalty = 0.4; });
  add([](SamplingParams& p) { p.presence_penalty = 0.7; });
  add([](SamplingParams& p) { p.min_tokens = 40; });
  add([](SamplingParams& p) { p.top_k = 9; });
  add([](SamplingParams& p) { p.typical_p = 0.9; });
  add([](SamplingParams& p) { p.top_p = 0.8; });
  add([](SamplingParams& p) { p.min_p = 0.05; });
  SamplingParams windowed = all[0];
  windowed.penalty_window = 5;
  all.push_back(windowed);
  windowed.penalty_window = 0;
  all.push_back(windowed);
  return all;
}

TEST(Processors, EachAloneAndAllTogetherAreAsDefined) {
  std::mt19937 random(1);
  for (const SamplingParams& params : each_processor()) {
    for (const size_t vocab : {8u, 33u, 700u}) {
      for (int repeat = 0; repeat < 20; ++repeat) {
        const auto size = static_cast<Token>(vocab);
        expect_as_defined(Case{random_logits(random, vocab),
                               params,
                               random_tokens(random, 6, size),
                               random_tokens(random, 9, size),
                               {2, 5}});
      }
    }
  }
}

TEST(Processors, GreedyAppliesBiasPenaltiesAndBansOnly) {
  std::mt19937 random(2);
  for (SamplingParams params : each_processor()) {
    params.temperature = 0;
    for (int repeat = 0; repeat < 20; ++repeat) {
      const Case c{random_logits(random, 50),
                   params,
                   random_tokens(random, 4, 50),
                   random_tokens(random, 9, 50),
                   {2, 5}};
      expect_as_defined(c);
      EXPECT_EQ(c.processed().entries().size(), 1u);
    }
  }
}

TEST(Processors, RandomCombinationsAreAsDefined) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int repeat = 0; repeat < 400; ++repeat) {
    SamplingParams params;
    params.temperature = 0.1 + 2 * uniform(random);
    if (uniform(random) < 0.5) params.top_k = 1 + repeat % 40;
    if (uniform(random) < 0.5) params.typical_p = 0.2 + 0.8 * uniform(random);
    if (uniform(random) < 0.5) params.top_p = 0.2 + 0.8 * uniform(random);
    if (uniform(random) < 0.5) params.min_p = 0.3 * uniform(random);
    if (uniform(random) < 0.5) params.repetition_penalty = 1 + uniform(random);
    if (uniform(random) < 0.5) params.frequency_penalty = uniform(random) - .5;
    if (uniform(random) < 0.5) params.penalty_window = repeat % 12;
    expect_as_defined(Case{random_logits(random, 32),
                           params,
                           random_tokens(random, 5, 32),
                           random_tokens(random, 7, 32),
                           {}});
  }
}

TEST(Processors, TiesGoToTheSmallerId) {
  SamplingParams params;
  const std::vector<float> tied = {1, 4, 4, 0, 4, 4};
  EXPECT_EQ((Case{tied, params}.processed().argmax()), 1);
  params.temperature = 1;
  params.top_k = 2;
  const Distribution top = Case{tied, params}.processed();
  ASSERT_EQ(top.entries().size(), 2u);
  EXPECT_EQ(top.entries()[0].token, 1);
  EXPECT_EQ(top.entries()[1].token, 2);
  params.top_k = 0;
  params.top_p = 0.4;  // each of the tied four has just under a quarter
  const Distribution nucleus = Case{tied, params}.processed();
  ASSERT_EQ(nucleus.entries().size(), 2u);
  EXPECT_EQ(nucleus.entries()[0].token, 1);
  EXPECT_EQ(nucleus.entries()[1].token, 2);
  params.top_p = 1;
  params.typical_p = 0.4;
  const Distribution typical = Case{tied, params}.processed();
  ASSERT_EQ(typical.entries().size(), 2u);
  EXPECT_EQ(typical.entries()[0].token, 1);
  EXPECT_EQ(typical.entries()[1].token, 2);
}

TEST(Processors, AnEqualLogitLeavesTheTopKByItsId) {
  SamplingParams params;
  params.temperature = 1;
  params.top_k = 3;
  const Distribution top = Case({4, 4, 4, 4, 5, 6}, params).processed();
  EXPECT_GT(top.probability(0), 0);
  EXPECT_EQ(top.probability(1) + top.probability(2) + top.probability(3), 0);
}

TEST(Processors, TheNucleusStopsWhereItReachesP) {
  SamplingParams params;
  params.temperature = 1;
  params.top_p = 0.5;
  EXPECT_EQ(Case({3, 3}, params).processed().entries().size(), 1u);
  params.top_p = 0.500001;
  EXPECT_EQ(Case({3, 3}, params).processed().entries().size(), 2u);
}

TEST(Processors, LimitsBeyondTheVocabularyChangeNothing) {
  std::mt19937 random(4);
  Case c(random_logits(random, 20));
  c.params.temperature = 1;
  const Distribution all = c.processed();
  c.params.top_k = 1000000;
  c.params.logit_bias = {{1000, 5.f}};
  c.stop = {-1, 500};
  c.params.min_tokens = 10;
  const Distribution limited = c.processed();
  ASSERT_EQ(limited.entries().size(), 20u);
  for (Token token = 0; token < 20; ++token) {
    EXPECT_EQ(limited.probability(token), all.probability(token));
  }
}

TEST(Processors, SomethingIsAlwaysKept) {
  Case c({0, 1, 2});
  c.params.temperature = 1;
  c.params.top_p = 1e-300;
  EXPECT_EQ(c.processed().entries().size(), 1u);
  c.params.top_p = 1;
  c.params.typical_p = 1e-300;
  EXPECT_EQ(c.processed().entries().size(), 1u);
  c.params.typical_p = 1;
  c.params.min_p = 1;
  EXPECT_EQ(c.processed().entries().size(), 1u);
}

TEST(Processors, TinyAndHugeTemperaturesDoNotOverflow) {
  Case c({-3e38f, 1, 3e38f, 2.9e38f, 3e38f});
  for (const double temperature : {1e-6, 1e-300, 5e-324}) {
    c.params.temperature = temperature;
    const Distribution d = c.processed();
    ASSERT_EQ(d.entries().size(), 2u);
    EXPECT_DOUBLE_EQ(d.probability(2), 0.5);
    EXPECT_DOUBLE_EQ(d.probability(4), 0.5);
  }
  c.params.temperature = 1e308;
  for (Token token = 0; token < 5; ++token) {
    EXPECT_NEAR(c.processed().probability(token), 0.2, 1e-12);
  }
}

TEST(Processors, ALogitOfMinusInfinityIsATokenThatCannotCome) {
  Case c({-kInfinity, 1, -kInfinity, 2, -kInfinity});
  EXPECT_EQ(c.processed().argmax(), 3);
  c.params.temperature = 1;
  const Distribution d = c.processed();
  EXPECT_EQ(d.entries().size(), 2u);
  EXPECT_NEAR(d.probability(3), std::exp(1) / (1 + std::exp(1)), 1e-12);
}

TEST(Processors, InfinitiesThatABiasMakesShareTheProbability) {
  Case c({3e38f, 1, 3e38f, 2});
  c.params.logit_bias = {{0, 3e38f}, {2, 3e38f}};
  EXPECT_EQ(c.processed().argmax(), 0);
  c.params.temperature = 1;
  EXPECT_DOUBLE_EQ(c.processed().probability(0), 0.5);
  EXPECT_DOUBLE_EQ(c.processed().probability(2), 0.5);
  c.params.logit_bias[0] = -kInfinity;
  EXPECT_DOUBLE_EQ(c.processed().probability(2), 1);
}

// Wherever the one bad logit stands, and also where its token is banned.
TEST(Processors, ARowThatIsNoDistributionIsAFaultOfTheModel) {
  for (const double temperature : {0.0, 1.0}) {
    for (const float bad : {kNan, kInfinity}) {
      for (size_t at = 0; at < 300; ++at) {
        Case c(std::vector<float>(300, 1));
        c.logits[at] = bad;
        c.params.temperature = temperature;
        if (at % 2 == 0) c.params.banned_tokens = {static_cast<Token>(at)};
        EXPECT_TRUE(c.processed().empty()) << at;
        EXPECT_TRUE(c.fault.is_models);
        EXPECT_EQ(c.fault.text,
                  fmt::format("1 of 300 logits are NaN or infinite, first that "
                              "of token {} ({})",
                              at, bad));
      }
    }
    Case c({-kInfinity, -kInfinity});
    c.params.temperature = temperature;
    EXPECT_TRUE(c.processed().empty());
    EXPECT_TRUE(c.fault.is_models);
    EXPECT_EQ(c.fault.text, "all 2 logits are -infinity");
  }
}

TEST(Processors, WhereNothingIsLeftNoTokenComes) {
  for (const double temperature : {0.0, 1.0}) {
    const auto expect_none = [&](auto change, const char* names) {
      Case c({5, 4, -kInfinity, 2});
      c.params.temperature = temperature;
      c.stop = {0};
      change(c.params);
      EXPECT_TRUE(c.processed().empty()) << names;
      EXPECT_FALSE(c.fault.is_models) << names;
      EXPECT_EQ(c.fault.text,
                fmt::format("no token can come next with {}", names));
    };
    using P = SamplingParams;
    expect_none(
        [](P& p) {
          p.logit_bias = {{0, -kInfinity}, {1, -kInfinity}, {3, -kInfinity}};
        },
        "logit_bias");
    expect_none(
        [](P& p) {
          p.allowed_tokens = {3, 1};
          p.banned_tokens = {1, 3};
        },
        "allowed_tokens, banned_tokens");
    expect_none([](P& p) { p.allowed_tokens = {2}; }, "allowed_tokens");
    expect_none(
        [](P& p) {
          p.allowed_tokens = {0, 1};
          p.bad_words = {{1}};
          p.min_tokens = 1;
        },
        "allowed_tokens, bad_words, min_tokens");
  }
}

TEST(Processors, AllowedTokensAreTheOnlyOnes) {
  for (const double temperature : {0.0, 1.0}) {
    Case c({9, 1, 2, 5, 3});
    c.params.temperature = temperature;
    c.params.allowed_tokens = {4, 1, 3, 700};
    const Distribution d = c.processed();
    EXPECT_EQ(d.argmax(), 3);
    EXPECT_EQ(d.probability(0) + d.probability(2), 0);
    if (temperature > 0) {
      const double mass = std::exp(1) + std::exp(5) + std::exp(3);
      EXPECT_NEAR(d.probability(1), std::exp(1) / mass, 1e-12);
    }
    // A bias cannot bring back what is not allowed.
    c.params.logit_bias = {{0, 1000.f}};
    EXPECT_EQ(c.processed().probability(0), 0);
  }
}

// Whole blocks of the row have none.
TEST(Processors, FewTokensThatCanComeInALongRowAreAsDefined) {
  std::mt19937 random(4);
  const std::vector<float> logits = random_logits(random, 3000);
  for (const size_t count : {1u, 3u, 40u, 1200u}) {
    Case c(std::vector<float>(logits.size(), -kInfinity));
    std::set<size_t> possible;
    while (possible.size() < count) {
      possible.insert(count == 1200 ? possible.size()
                                    : random() % logits.size());
    }
    for (const size_t token : possible) c.logits[token] = logits[token];
    for (const double temperature : {1e-3, 0.8, 50.0}) {
      c.params.temperature = temperature;
      expect_as_defined(c);
      EXPECT_TRUE(temperature < 1 ||
                  c.processed().entries().size() == possible.size());
    }
  }
}

TEST(Processors, BannedTokensNeverCome) {
  Case c({9, 1, 2});
  c.params.banned_tokens = {0, 88};
  EXPECT_EQ(c.processed().argmax(), 2);
  c.params.temperature = 1;
  EXPECT_EQ(c.processed().probability(0), 0);
  c.params.allowed_tokens = {0, 1};
  EXPECT_EQ(c.processed().probability(1), 1);
}

TEST(Processors, BadWordsAreBannedWhereTheyWouldBeComplete) {
  Case c({5, 4, 3, 2});
  c.params.bad_words = {{2, 3, 0}};
  c.prompt = {1, 2};
  EXPECT_EQ(c.processed().argmax(), 0);
  c.generated = {3};  // "2" lies in the prompt
  EXPECT_EQ(c.processed().argmax(), 1);
  c.generated = {3, 3};
  EXPECT_EQ(c.processed().argmax(), 0);
  c.params.bad_words = {{0}, {3, 1}};  // of one token: always
  EXPECT_EQ(c.processed().argmax(), 2);
  c.prompt = {2};
  c.generated = {};
  EXPECT_EQ(c.processed().argmax(), 1);
}

TEST(Processors, NoPenaltyBansATokenOrBringsOneBack) {
  Case c({5, 4, 3});
  c.params.banned_tokens = {2};
  c.generated = {0, 1, 2};
  for (const double penalty : {1e300, -1e300}) {
    c.params.presence_penalty = penalty;
    c.params.frequency_penalty = penalty;
    EXPECT_EQ(c.processed().argmax(), 0);
    c.params.temperature = 1;
    EXPECT_DOUBLE_EQ(c.processed().probability(1), 0.5);
    c.params.temperature = 0;
  }
}

TEST(Processors, StopTokensWaitForMinTokens) {
  Case c({0, 9, 5});
  c.stop = {1};
  c.params.min_tokens = 2;
  EXPECT_EQ(c.processed().argmax(), 2);
  c.generated = {0};
  EXPECT_EQ(c.processed().argmax(), 2);
  c.generated = {0, 0};
  EXPECT_EQ(c.processed().argmax(), 1);
}

TEST(TokenHistory, TakingBackRestoresEveryCount) {
  std::mt19937 random(5);
  for (const std::int64_t window : {-1, 0, 1, 4, 9, 100}) {
    SamplingParams params;
    params.repetition_penalty = 1.1;
    params.penalty_window = window;
    const std::vector<Token> prompt = random_tokens(random, 7, 5);
    TokenHistory history(prompt, params);
    std::vector<Token> generated;
    const auto expect_counts = [&] {
      std::map<Token, TokenHistory::Occurrences> counts;
      const std::int64_t first =
          window >= 0 ? std::max<std::int64_t>(0, history.size() - window) : 0;
      for (std::int64_t i = first; i < history.size(); ++i) {
        auto& count = counts[history.tokens()[static_cast<size_t>(i)]];
        ++count.seen;
        if (i >= 7) ++count.generated;
      }
      for (const auto& [token, count] : history.occurrences()) {
        EXPECT_EQ(count.seen, counts[token].seen);
        EXPECT_EQ(count.generated, counts[token].generated);
      }
      for (const auto& [token, count] : counts) {
        EXPECT_TRUE(count.seen == 0 || history.occurrences().contains(token));
      }
    };
    for (int step = 0; step < 60; ++step) {
      {
        const HistoryRollback rollback(history);
        for (const Token token : random_tokens(random, 6, 5)) {
          history.push(token);
          expect_counts();
        }
      }
      expect_counts();
      history.push(random_tokens(random, 1, 5)[0]);
    }
  }
}

TEST(TokenHistory, CountsNothingWithoutPenalties) {
  TokenHistory history({1, 2, 3}, {});
  history.push(4);
  EXPECT_TRUE(history.occurrences().empty());
  EXPECT_EQ(history.generated_size(), 1);
}

TEST(SamplingParams, EveryParameterOutOfRangeIsNamed) {
  const auto expect_refused = [](std::string name, auto change) {
    SamplingParams params;
    change(params);
    try {
      validate(params);
      ADD_FAILURE() << name << " was let through";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), testing::StartsWith(name + ": "));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
    }
  };
  using P = SamplingParams;
  const double nan = std::nan("");
  expect_refused("temperature", [](P& p) { p.temperature = -0.1; });
  expect_refused("temperature", [&](P& p) { p.temperature = nan; });
  expect_refused("temperature", [](P& p) { p.temperature = HUGE_VAL; });
  expect_refused("top_k", [](P& p) { p.top_k = -1; });
  expect_refused("top_p", [](P& p) { p.top_p = 0; });
  expect_refused("top_p", [](P& p) { p.top_p = 1.01; });
  expect_refused("top_p", [&](P& p) { p.top_p = nan; });
  expect_refused("typical_p", [](P& p) { p.typical_p = 0; });
  expect_refused("min_p", [](P& p) { p.min_p = 1.5; });
  expect_refused("min_p", [](P& p) { p.min_p = -0.5; });
  expect_refused("repetition_penalty", [](P& p) { p.repetition_penalty = 0; });
  expect_refused("frequency_penalty", [&](P& p) { p.frequency_penalty = nan; });
  expect_refused("presence_penalty",
                 [](P& p) { p.presence_penalty = HUGE_VAL; });
  expect_refused("penalty_window", [](P& p) { p.penalty_window = -2; });
  expect_refused("min_tokens", [](P& p) { p.min_tokens = -1; });
  expect_refused("logit_bias", [](P& p) { p.logit_bias = {{-1, 0.f}}; });
  expect_refused("logit_bias", [](P& p) { p.logit_bias = {{1, kNan}}; });
  expect_refused("logit_bias", [](P& p) { p.logit_bias = {{1, kInfinity}}; });
  expect_refused("allowed_tokens", [](P& p) { p.allowed_tokens = {-1}; });
  expect_refused("banned_tokens", [](P& p) { p.banned_tokens = {3, -2}; });
  expect_refused("bad_words", [](P& p) { p.bad_words = {{1}, {}}; });
  expect_refused("bad_words", [](P& p) { p.bad_words = {{1, -1}}; });
  SamplingParams fine;
  fine.logit_bias = {{1, -kInfinity}};
  EXPECT_NO_THROW(validate(fine));
}

}  // namespace
}  // namespace pilotfish
