// Rules in the history and in the processor.

#include "sampling/token_rule.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <vector>

#include "sampling/processors.h"
#include "sampling/rule_walk.h"
#include "sampling/testing.h"

namespace pilotfish {
namespace {

// Allows the same tokens everywhere, some so often and no more. A state counts
// the tokens so far.
class SetRule final : public TokenRule {
 public:
  SetRule(std::set<Token> tokens, std::size_t words, std::int64_t most,
          bool may_end)
      : tokens_(std::move(tokens)),
        words_(words),
        most_(most),
        may_end_(may_end) {}

  State begin() const override { return std::make_shared<std::int64_t>(0); }
  State after(const State& state, Token token) const override {
    if (count(state) == most_ || !tokens_.contains(token)) return nullptr;
    return std::make_shared<std::int64_t>(count(state) + 1);
  }
  bool may_end(const State&) const override { return may_end_; }
  bool must_end(const State& state) const override {
    return may_end_ && count(state) == most_;
  }
  bool allow(const State& state,
             std::vector<std::uint64_t>& allowed) const override {
    if (most_ < 0) return false;
    allowed.assign(words_, 0);
    for (const Token token : tokens_) {
      const auto bit = static_cast<std::size_t>(token);
      if (bit < 64 * words_ && count(state) < most_) {
        allowed[bit / 64] |= std::uint64_t{1} << bit % 64;
      }
    }
    return true;
  }
  std::string fault(const State&) const override { return "nothing fits"; }
  std::vector<Token> forced(const State&, std::span<const Token>,
                            std::int64_t) const override {
    return {};
  }

  static std::int64_t count(const State& state) {
    return *static_cast<const std::int64_t*>(state.get());
  }

 private:
  std::set<Token> tokens_;
  std::size_t words_;
  std::int64_t most_;
  bool may_end_;
};

constexpr std::int64_t kEndless = 1 << 20;

// Whatever the vocabulary's and the mask's length, and whatever else is asked
// for, a token that the rule excludes is one with a bias of minus infinity.
TEST(TokenRule, MasksAreBiases) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  for (int i = 0; i < 300; ++i) {
    const std::size_t vocab = 1 + random() % 200;
    const std::size_t words = random() % 5;
    std::vector<float> logits(vocab);
    for (float& x : logits) x = normal(random);
    std::set<Token> allowed;
    const bool dense = i % 2 == 0;
    for (std::size_t t = 0; t < vocab; ++t) {
      if (random() % 8 < (dense ? 7u : 1u)) allowed.insert(Token(t));
    }
    SamplingParams params;
    params.temperature = i % 3 == 0 ? 0 : 0.7;
    if (i % 4 == 1) params.top_p = 0.8;
    if (i % 4 == 2) params.top_k = 5;
    if (i % 5 == 0) params.repetition_penalty = 1.5;
    if (i % 7 == 0) params.min_tokens = 4;
    const std::vector<Token> stops = {Token(random() % vocab)};
    const bool may_end = i % 2 == 1;

    TokenHistory ruled(
        {0}, params,
        std::make_shared<SetRule>(allowed, words, kEndless, may_end));
    std::vector<Token> generated;
    if (!allowed.empty()) generated.assign(1 + random() % 5, *allowed.begin());
    for (const Token token : generated) ruled.push(token);

    SamplingParams biased = params;
    for (std::size_t t = 0; t < vocab; ++t) {
      const auto token = static_cast<Token>(t);
      const bool by_rule = t < 64 * words && allowed.contains(token);
      if (by_rule || (may_end && token == stops[0])) continue;
      biased.logit_bias[token] = -test::kInfinity;
    }
    TokenHistory history({0}, biased);
    for (const Token token : generated) history.push(token);

    LogitsProcessor processor;
    const Distribution found = processor.process(logits, params, ruled, stops);
    const Distribution expected =
        processor.process(logits, biased, history, stops);
    ASSERT_EQ(found.entries().size(), expected.entries().size()) << i;
    for (std::size_t e = 0; e < found.entries().size(); ++e) {
      EXPECT_EQ(found.entries()[e].token, expected.entries()[e].token);
      EXPECT_EQ(found.entries()[e].probability,
                expected.entries()[e].probability);
    }
  }
}

TEST(TokenRule, AHistoryGoesBackWithItsStates) {
  TokenHistory history(
      {9, 9}, {}, std::make_shared<SetRule>(std::set<Token>{1, 2}, 1, 4, true));
  const auto count = [&] { return SetRule::count(history.rule_state()); };
  EXPECT_EQ(count(), 0);
  history.push(1);
  {
    const HistoryRollback rollback(history);
    history.push(2);
    EXPECT_EQ(count(), 2);
    history.push(3);
    EXPECT_EQ(history.rule_state(), nullptr);
    history.push(1);
    EXPECT_EQ(history.rule_state(), nullptr);
    // A copy goes its own way.
    TokenHistory copy = history;
    copy.truncate(4);
    copy.push(1);
    EXPECT_EQ(SetRule::count(copy.rule_state()), 3);
  }
  EXPECT_EQ(count(), 1);
  history.truncate(2);
  EXPECT_EQ(count(), 0);
  EXPECT_EQ(TokenHistory({1}, {}).rule(), nullptr);
  EXPECT_EQ(TokenHistory({1}, {}).rule_state(), nullptr);
}

TEST(TokenRule, ABrokenTextHasNoDistribution) {
  TokenHistory history(
      {9}, {}, std::make_shared<SetRule>(std::set<Token>{1}, 1, 4, true));
  history.push(2);
  LogitsProcessor processor;
  const std::vector<float> logits(4, 0.f);
  EXPECT_TRUE(processor.process(logits, {}, history, {}).empty());
  EXPECT_FALSE(processor.fault().is_models);
}

// One that does not know what can come does not take the end for it.
TEST(TokenRule, WhatARuleCannotSayIsAFault) {
  const std::vector<Token> ends = {3};
  const std::vector<float> logits(4, 0.f);
  LogitsProcessor processor;
  const auto process = [&](std::int64_t most, bool may_end) {
    const TokenHistory history(
        {9}, {},
        std::make_shared<SetRule>(std::set<Token>{1}, 1, most, may_end));
    return processor.process(logits, {}, history, ends);
  };
  EXPECT_EQ(process(0, true).argmax(), 3);
  EXPECT_TRUE(process(-1, true).empty());
  EXPECT_EQ(processor.fault().text, "the constraint: nothing fits");
  EXPECT_TRUE(process(0, false).empty());
  EXPECT_EQ(processor.fault().text, "the constraint: nothing fits");
}

TEST(RuleWalk, TakesTextAndEndsWhereTheTextMayEnd) {
  const std::vector<Token> ends = {7};
  const auto history = [](std::int64_t most, bool may_end) {
    return TokenHistory(
        {9}, {},
        std::make_shared<SetRule>(std::set<Token>{1, 2}, 1, most, may_end));
  };
  const TokenHistory open = history(2, true);
  RuleWalk walk(open, ends);
  EXPECT_FALSE(walk.take(3));
  EXPECT_TRUE(walk.take(1));
  EXPECT_TRUE(walk.take(2));
  EXPECT_FALSE(walk.ended());
  EXPECT_FALSE(walk.take(2));
  EXPECT_TRUE(walk.take(7));
  EXPECT_TRUE(walk.ended());

  const TokenHistory closed = history(2, false);
  RuleWalk no_end(closed, ends);
  EXPECT_FALSE(no_end.take(7));

  RuleWalk without_ends(open, {});
  EXPECT_TRUE(without_ends.take(1));
  EXPECT_FALSE(without_ends.ended());
  EXPECT_TRUE(without_ends.take(1));
  EXPECT_TRUE(without_ends.ended());

  // A token of the text that is an end token as well.
  const std::vector<Token> text = {2};
  RuleWalk both(closed, text);
  EXPECT_TRUE(both.take(1));
  EXPECT_FALSE(both.ended());
  EXPECT_TRUE(both.take(2));
  EXPECT_TRUE(both.ended());

  const TokenHistory unruled({9}, {});
  RuleWalk free(unruled, ends);
  EXPECT_TRUE(free.take(1000));
  EXPECT_FALSE(free.ended());
  EXPECT_TRUE(free.take(7));
  EXPECT_TRUE(free.ended());
}

}  // namespace
}  // namespace pilotfish
