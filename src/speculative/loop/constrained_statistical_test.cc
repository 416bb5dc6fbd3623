// Constrained texts by sampling: the real decoder with every acceptor and
// drafter against the target's own distribution under a rule, worked out by
// hand. Seeds are fixed, so a pass is a pass for good. The same comparison must
// refuse what engines have got wrong.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "speculative/testing/naive_ruled_loop.h"
#include "speculative/testing/ruled_drafters.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/toy_rule.h"
#include "speculative/testing/trials.h"

namespace pilotfish {
namespace {

using test::kCaught;
using test::kLevel;
using test::kTrials;
using test::LogitTable;
using test::RuleBug;
using test::RuledAcceptor;
using test::TableScorer;
using test::Tally;
using test::Toy;
using test::ToyRule;

// Token 2 is text and ends one too. A text may end behind one token already,
// and begins anew behind a 5.
const ToyRule kSampledRule({
    {.next = {{0, 1}, {1, 1}, {4, 1}}},
    {.next = {{5, 0}, {6, 2}}, .may_end = true},
    {.next = {{1, 3}, {2, 3}, {7, 1}}},
    {.may_end = true},
});

Toy sampled_toy() {
  const LogitTable target(12, 8, 1);
  Toy toy(target, LogitTable::like(target, 2, 1.0f));
  toy.rule = std::make_shared<ToyRule>(kSampledRule);
  toy.stop_tokens = {2};
  toy.max_tokens = 4;
  toy.sampling.temperature = 1;
  return toy;
}

Toy processed_toy() {
  Toy toy = sampled_toy();
  toy.stop_tokens = {2, 9};
  toy.sampling.temperature = 1.3;
  toy.sampling.top_k = 4;
  toy.sampling.typical_p = 0.98;
  toy.sampling.top_p = 0.97;
  toy.sampling.min_p = 0.01;
  toy.sampling.logit_bias = {{4, 1.f}};
  toy.sampling.repetition_penalty = 1.2;
  toy.sampling.frequency_penalty = 0.5;
  toy.sampling.presence_penalty = 0.3;
  toy.sampling.banned_tokens = {8};
  toy.sampling.bad_words = {{4, 6}};
  toy.sampling.min_tokens = 2;
  return toy;
}

Tally tally_by_hand(const Toy& toy) {
  Tally tally(toy.target.vocab_size(), toy.max_tokens);
  for (const auto& [text, probability] :
       test::joint_by_hand(toy, kSampledRule)) {
    tally.add(text, probability);
  }
  return tally;
}

double p_value_of(const Toy& toy, const std::string& acceptor,
                  const std::string& drafter_name, std::uint64_t trials) {
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  const auto drafter = test::ruled_drafter(drafter_name, draft, toy);
  return test::decoded_tally(toy, trials, target, *drafter,
                             make_acceptor(acceptor))
      .p_value(tally_by_hand(toy));
}

TEST(ConstrainedStatistics, PowerIsAsStated) {
  // Each of five comparisons; an effect of w = 0.04 is found.
  const double noncentrality = kTrials * 0.04 * 0.04;
  for (const double degrees : {12.0, 240.0}) {
    EXPECT_GT(chi_square_power(degrees, noncentrality, kLevel / 5), 0.99);
  }
}

struct Pairing {
  const char* acceptor;
  const char* drafter;
};

void PrintTo(const Pairing& it, std::ostream* out) {
  *out << it.acceptor << "_" << it.drafter;
}

class LosslessUnderARule : public testing::TestWithParam<Pairing> {};

TEST_P(LosslessUnderARule, Sampled) {
  EXPECT_GT(p_value_of(sampled_toy(), GetParam().acceptor, GetParam().drafter,
                       kTrials),
            kLevel);
}

INSTANTIATE_TEST_SUITE_P(Pairings, LosslessUnderARule,
                         testing::Values(Pairing{"rejection", "model"},
                                         Pairing{"rejection", "tree"},
                                         Pairing{"block", "all"},
                                         Pairing{"coupled", "tree"}),
                         testing::PrintToStringParamName());

// The other pairings differ less from these than processors do from none.
TEST(ConstrainedStatistics, EveryAcceptorAndDrafterWithEveryProcessor) {
  for (const char* acceptor : {"rejection", "block", "coupled"}) {
    for (const char* drafter : {"model", "tree", "all", "unruled"}) {
      EXPECT_GT(p_value_of(processed_toy(), acceptor, drafter, kTrials / 20),
                kLevel)
          << acceptor << ", " << drafter;
    }
  }
}

// What is wrong here is so by much, so that fewer trials will do.
double naive_p_value(RuledAcceptor acceptor, RuleBug bug) {
  constexpr std::uint64_t kFewTrials = 5'000;
  const Toy toy = sampled_toy();
  test::NaiveRuledLoop<test::KeyedLuck> loop(toy, kSampledRule, acceptor, bug);
  Tally tally(toy.target.vocab_size(), toy.max_tokens);
  for (std::uint64_t seed = 0; seed < kFewTrials; ++seed) {
    tally.add(loop.generate(test::KeyedLuck(seed, acceptor)));
  }
  return tally.p_value(tally_by_hand(toy));
}

TEST(ConstrainedStatisticsControl, WhatEnginesGetWrongIsCaught) {
  for (const RuledAcceptor acceptor :
       {RuledAcceptor::kRejection, RuledAcceptor::kBlock, RuledAcceptor::kTrees,
        RuledAcceptor::kCoupled}) {
    const int number = static_cast<int>(acceptor);
    EXPECT_GT(naive_p_value(acceptor, RuleBug::kNone), kLevel) << number;
    for (const RuleBug bug : test::kRuleBugs) {
      const double p_value = naive_p_value(acceptor, bug);
      // The coupled rule takes what p and q give both, and that is allowed
      // where q is masked: the late mask comes in time.
      if (acceptor == RuledAcceptor::kCoupled &&
          bug == RuleBug::kOnlyDraftsMasked) {
        EXPECT_GT(p_value, kLevel);
      } else {
        EXPECT_LT(p_value, kCaught) << number << ", " << static_cast<int>(bug);
      }
    }
  }
}

}  // namespace
}  // namespace pilotfish
