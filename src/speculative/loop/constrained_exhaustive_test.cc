// Constrained texts without sampling: all that draws is led through every
// outcome, and the joint distribution of what the real decoder makes is
// compared with the target's own under the rule, worked out by hand, to 1e-12.
// The same comparison must refuse what engines have got wrong.

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "speculative/testing/naive_ruled_loop.h"
#include "speculative/testing/outcome_loop.h"
#include "speculative/testing/toy_rule.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::Joint;
using test::joint_by_hand;
using test::kErrorCaught;
using test::kTolerance;
using test::LogitTable;
using test::TableScorer;
using test::TextByHand;
using test::Toy;
using test::ToyRule;

struct RuledToy {
  std::shared_ptr<const ToyRule> rule;
  Toy toy;
};

RuledToy ruled_toy(std::shared_ptr<const ToyRule> rule, unsigned seed) {
  const LogitTable target(4, 7, seed);
  Toy toy(target, LogitTable::like(target, seed + 100, 1.0f));
  toy.prompt = {1, 2, 0};
  toy.max_tokens = 4;
  toy.window = 2 + seed % 3;
  toy.sampling.temperature = 1;
  toy.sampling.frequency_penalty = seed % 2 == 0 ? 0.4 : 0;
  toy.rule = rule;
  return {std::move(rule), std::move(toy)};
}

// Token 2 ends a text. It is text as well: behind 0 0 the rule wants it.
const std::vector<ToyRule::Node> kNodes = {
    {.next = {{0, 1}, {1, 0}}},
    {.next = {{0, 2}, {1, 1}}, .may_end = true},
    {.next = {{2, 0}}},
    {.next = {}, .may_end = true},
};

// Random rules, without those that leave a text nothing to go on with.
std::vector<RuledToy> ruled_toys(unsigned count) {
  std::vector<RuledToy> toys;
  for (unsigned seed = 0; toys.size() < count; ++seed) {
    RuledToy it = ruled_toy(ToyRule::random(4, seed), seed);
    if (seed % 3 != 0) it.toy.stop_tokens = {2};
    if (seed % 3 == 2) it.toy.stop_tokens = {0, 2};
    if (Sequence(it.toy.sequence(0)).finished()) continue;
    bool has_fault = false;
    for (const auto& [text, probability] : joint_by_hand(it.toy, *it.rule)) {
      TextByHand by_hand(it.toy, *it.rule);
      for (const Token token : text) by_hand.push(token);
      has_fault = has_fault || !by_hand.ended();
    }
    if (!has_fault) toys.push_back(std::move(it));
  }
  toys.push_back(ruled_toy(std::make_shared<ToyRule>(kNodes), 0));
  toys.back().toy.stop_tokens = {2};
  return toys;
}

TEST(ConstrainedExhaustive, TheLoopIsExactUnderARule) {
  int with_choice = 0;
  for (const RuledToy& it : ruled_toys(100)) {
    const Joint expected = joint_by_hand(it.toy, *it.rule);
    with_choice += expected.size() > 5;
    for (const test::LoopRule& rule : test::kLoopRules) {
      for (const bool ruled_drafts : {true, false}) {
        TableScorer target(it.toy.target);
        EXPECT_LT(test::largest_error(
                      test::decoded_joint(it.toy, rule, target, ruled_drafts),
                      expected),
                  kTolerance)
            << rule.name << (ruled_drafts ? ", " : ", drafts without rule, ")
            << expected.size() << " texts";
      }
    }
  }
  EXPECT_GT(with_choice, 20);
}

// Also where the target goes back further than it is asked to.
TEST(ConstrainedExhaustive, TheLoopIsExactWithSnapshots) {
  for (const RuledToy& it : ruled_toys(6)) {
    const Joint expected = joint_by_hand(it.toy, *it.rule);
    for (const test::LoopRule& rule : test::kLoopRules) {
      TableScorer table(it.toy.target);
      test::SnapshotScorer target(table, 4);
      EXPECT_LT(test::largest_error(test::decoded_joint(it.toy, rule, target),
                                    expected),
                kTolerance)
          << rule.name;
    }
  }
}

using test::RuleBug;
using test::RuledAcceptor;

double error_of(const RuledToy& it, RuledAcceptor acceptor, RuleBug bug) {
  test::NaiveRuledLoop<test::EveryLuck> loop(it.toy, *it.rule, acceptor, bug);
  test::EveryLuck luck;
  Joint joint;
  do {
    const std::vector<Token> text = loop.generate(luck);
    joint[text] += luck.probability();
  } while (luck.advance());
  return test::largest_error(joint, joint_by_hand(it.toy, *it.rule));
}

TEST(ConstrainedExhaustiveControl, WhatEnginesGetWrongIsCaught) {
  RuledToy it = ruled_toy(std::make_shared<ToyRule>(kNodes), 1);
  it.toy.stop_tokens = {2};
  for (const RuledAcceptor acceptor :
       {RuledAcceptor::kRejection, RuledAcceptor::kBlock,
        RuledAcceptor::kTrees}) {
    EXPECT_LT(error_of(it, acceptor, RuleBug::kNone), kTolerance);
    for (const RuleBug bug : test::kRuleBugs) {
      EXPECT_GT(error_of(it, acceptor, bug), kErrorCaught)
          << static_cast<int>(acceptor) << ", " << static_cast<int>(bug);
    }
  }
}

}  // namespace
}  // namespace pilotfish
