// Constrained texts without sampling: all that draws is led through every
// outcome, and the joint distribution of what the real decoder makes is
// compared with the target's own under the rule, worked out by hand, to 1e-12.
// The same comparison must refuse what engines have got wrong.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "speculative/testing/outcome_loop.h"
#include "speculative/testing/toy_rule.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::Joint;
using test::kErrorCaught;
using test::kTolerance;
using test::LogitTable;
using test::OutcomeTree;
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

// The target's joint distribution under the rule. What has no continuation, a
// fault of the rule, counts as a text of its own.
Joint joint_by_hand(const RuledToy& it) {
  Joint joint;
  const auto go_on = [&](const auto& self, const TextByHand& text,
                         double probability) -> void {
    const Distribution p =
        text.ended() ? Distribution() : text.next(it.toy.target);
    if (p.empty()) joint[text.text()] += probability;
    for (const auto& entry : p.entries()) {
      TextByHand longer = text;
      longer.push(entry.token);
      self(self, longer, probability * entry.probability);
    }
  };
  go_on(go_on, TextByHand(it.toy, *it.rule), 1);
  return joint;
}

// Random rules, without those that leave a text nothing to go on with.
std::vector<RuledToy> ruled_toys(unsigned count) {
  std::vector<RuledToy> toys;
  for (unsigned seed = 0; toys.size() < count; ++seed) {
    RuledToy it = ruled_toy(ToyRule::random(4, seed), seed);
    if (seed % 3 != 0) it.toy.stop_tokens = {2};
    if (seed % 3 == 2) it.toy.stop_tokens = {0, 2};
    if (Sequence(it.toy.sequence(0)).finished()) continue;
    bool has_fault = false;
    for (const auto& [text, probability] : joint_by_hand(it)) {
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
    const Joint expected = joint_by_hand(it);
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
    const Joint expected = joint_by_hand(it);
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

// What has gone wrong in engines; kNone is right.
enum class RuleBug {
  kNone,
  kMaskAfterAcceptor,   // only what the acceptor draws is masked
  kMaskAtWindowsStart,  // one mask for all places of a window
  kBonusUnmasked,
  kNotRolledBack,  // the state keeps the tokens that were rejected
  kEndForgotten,   // no end token before nothing else is left
};

// Draws what a rule allows at each place of a window, whatever the distribution
// says.
class MaskedDraws {
 public:
  MaskedDraws(const std::vector<TextByHand>& places, const OutcomeTree& chance)
      : places_(places), chance_(chance) {}

  bool accepts(double probability, std::size_t place, std::size_t = 0) const {
    return chance_.accepts(probability, place);
  }
  Token draw(const Distribution& distribution, std::size_t place,
             RandomRole) const {
    std::vector<Distribution::Entry> allowed;
    for (const auto& entry : distribution.entries()) {
      if (places_[place].allows(entry.token)) allowed.push_back(entry);
    }
    return chance_.draw(
        allowed.empty() ? distribution : Distribution(std::move(allowed)),
        place);
  }

 private:
  const std::vector<TextByHand>& places_;
  const OutcomeTree& chance_;
};

// Constrained speculative decoding in one plain function, to be wrong in one
// chosen way.
class NaiveRuledLoop {
 public:
  NaiveRuledLoop(const RuledToy& it, RuleBug bug, const OutcomeTree& chance)
      : it_(it), bug_(bug), chance_(chance), text_(it.toy, *it.rule) {}

  std::vector<Token> generate() {
    TextByHand ruling = text_;  // what masks are taken of
    while (!text_.ended()) {
      draft(ruling);
      const Verdict verdict =
          bug_ == RuleBug::kMaskAfterAcceptor
              ? verify_by_rejection(draft_, target_,
                                    MaskedDraws(places_, chance_))
              : verify_by_rejection(draft_, target_, chance_);
      for (const Token token : verdict.tokens) {
        if (!text_.ended()) text_.push(token);
      }
      ruling = bug_ == RuleBug::kNotRolledBack
                   ? places_.back().with_tokens_of(text_)
                   : text_;
    }
    return text_.text();
  }

 private:
  // A window from here on, with the target's row at each place of it.
  void draft(const TextByHand& ruling) {
    draft_ = {};
    target_.clear();
    places_ = {ruling};
    const std::int64_t left = it_.toy.max_tokens - std::ssize(text_.text());
    const auto length =
        static_cast<std::size_t>(std::min(it_.toy.window, left) - 1);
    while (true) {
      const TextByHand& place = places_.back();
      const bool is_last = draft_.size() == length;
      target_.push_back(target_row(place, is_last));
      Distribution q;
      if (!is_last && !place.ended()) q = place.next(it_.toy.draft);
      if (q.empty()) return;
      draft_.tokens.push_back(chance_.draw(q, 0));
      draft_.probs.push_back(std::move(q));
      TextByHand longer = place;
      longer.push(draft_.tokens.back());
      places_.push_back(std::move(longer));
    }
  }

  Distribution target_row(const TextByHand& place, bool is_bonus) const {
    const LogitTable& table = it_.toy.target;
    Distribution p;
    if (place.ended()) {
      // Nothing is drawn that counts.
    } else if (bug_ == RuleBug::kMaskAfterAcceptor ||
               (bug_ == RuleBug::kBonusUnmasked && is_bonus)) {
      p = place.unruled(table);
    } else if (bug_ == RuleBug::kMaskAtWindowsStart) {
      p = places_.front().with_tokens_of(place).next(table);
    } else if (bug_ == RuleBug::kEndForgotten) {
      p = place.next_without_end(table);
    } else {
      p = place.next(table);
    }
    return p.empty() ? Distribution::one_hot(0) : p;
  }

  const RuledToy& it_;
  RuleBug bug_;
  const OutcomeTree& chance_;
  TextByHand text_;
  // Of the window.
  Draft draft_;
  std::vector<Distribution> target_;
  std::vector<TextByHand> places_;  // the text before each
};

double error_of(const RuledToy& it, RuleBug bug) {
  OutcomeTree outcomes;
  Joint joint;
  do {
    const std::vector<Token> text =
        NaiveRuledLoop(it, bug, outcomes).generate();
    joint[text] += outcomes.probability();
  } while (outcomes.advance());
  return test::largest_error(joint, joint_by_hand(it));
}

TEST(ConstrainedExhaustiveControl, WhatEnginesGetWrongIsCaught) {
  RuledToy it = ruled_toy(std::make_shared<ToyRule>(kNodes), 1);
  it.toy.stop_tokens = {2};
  EXPECT_LT(error_of(it, RuleBug::kNone), kTolerance);
  for (const RuleBug bug :
       {RuleBug::kMaskAfterAcceptor, RuleBug::kMaskAtWindowsStart,
        RuleBug::kBonusUnmasked, RuleBug::kNotRolledBack,
        RuleBug::kEndForgotten}) {
    EXPECT_GT(error_of(it, bug), kErrorCaught) << static_cast<int>(bug);
  }
}

}  // namespace
}  // namespace pilotfish
