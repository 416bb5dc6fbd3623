#ifndef PILOTFISH_SPECULATIVE_TESTING_NAIVE_RULED_LOOP_H_
#define PILOTFISH_SPECULATIVE_TESTING_NAIVE_RULED_LOOP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "speculative/acceptors/block.h"
#include "speculative/acceptors/rejection.h"
#include "speculative/testing/outcome_loop.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/toy_rule.h"

// Constrained speculative decoding in one plain class, to be wrong in one
// chosen way: the negative controls of the tests of constrained texts.
namespace pilotfish::test {

// What has gone wrong in engines; kNone is right.
enum class RuleBug {
  kNone,
  kMaskAfterAcceptor,   // only what the acceptor draws is masked
  kOnlyDraftsMasked,    // that and q are, and p is not
  kMaskAtWindowsStart,  // one mask for all places of a window
  kBonusUnmasked,
  kOneTokenTooFar,  // the state has read the token drafted for the place
  kPastTheEnd,      // a window and its text go on behind an end token
  kNotRolledBack,   // the state keeps the tokens that were rejected
  kEndForgotten,    // no end token before nothing else is left
};
inline constexpr RuleBug kRuleBugs[] = {
    RuleBug::kMaskAfterAcceptor,  RuleBug::kOnlyDraftsMasked,
    RuleBug::kMaskAtWindowsStart, RuleBug::kBonusUnmasked,
    RuleBug::kOneTokenTooFar,     RuleBug::kPastTheEnd,
    RuleBug::kNotRolledBack,      RuleBug::kEndForgotten};

// kTrees are judged by rejection.
enum class RuledAcceptor { kRejection, kBlock, kTrees, kCoupled };

// Draws and judges with keyed random numbers.
class KeyedLuck {
 public:
  KeyedLuck(std::uint64_t seed, RuledAcceptor acceptor)
      : random_(seed), is_coupled_(acceptor == RuledAcceptor::kCoupled) {}

  Token propose(const Distribution& q, std::uint64_t position,
                std::size_t place, std::size_t branch) const {
    return is_coupled_ ? gumbel_draw(q, random_, position)
                       : q.sample(random_.uniform(position, RandomRole::kDraft,
                                                  draft_index(place, branch)));
  }
  KeyedChance chance(std::uint64_t position) const {
    return {random_, position};
  }
  const Random& random() const { return random_; }

 private:
  Random random_;
  bool is_coupled_;
};

// Goes through every outcome, but not of the coupled rule's noise.
class EveryLuck {
 public:
  Token propose(const Distribution& q, std::uint64_t, std::size_t,
                std::size_t) const {
    return outcomes_.draw(q, 0);
  }
  const OutcomeTree& chance(std::uint64_t) const { return outcomes_; }
  double probability() const { return outcomes_.probability(); }
  bool advance() { return outcomes_.advance(); }

 private:
  OutcomeTree outcomes_;
};

template <typename Luck>
class NaiveRuledLoop {
 public:
  // The toy's own rule is not used. Both must outlive the loop.
  NaiveRuledLoop(const Toy& toy, const ToyRule& rule, RuledAcceptor acceptor,
                 RuleBug bug)
      : toy_(toy), rule_(rule), acceptor_(acceptor), bug_(bug) {}

  std::vector<Token> generate(const Luck& luck) {
    TextByHand text(toy_, rule_);
    TextByHand ruling = text;  // what masks are taken of
    while (!text.ended()) {
      draft(ruling, luck);
      const Verdict verdict =
          judge(luck, static_cast<std::uint64_t>(text.size()));
      for (const Token token : verdict.tokens) {
        const bool is_over =
            bug_ == RuleBug::kPastTheEnd ? text.is_full() : text.ended();
        if (!is_over) text.push(token);
      }
      ruling = bug_ == RuleBug::kNotRolledBack
                   ? places_.back().with_tokens_of(text)
                   : text;
    }
    return text.text();
  }

 private:
  enum class Mask { kRight, kNone, kWithoutEnd };

  // Draws from what the rule allows where a bug leaves that to the end.
  template <typename Chance>
  class LateMask {
   public:
    LateMask(const NaiveRuledLoop& loop, const Chance& chance)
        : loop_(loop), chance_(chance) {}

    bool accepts(double probability, std::size_t place,
                 std::size_t sibling = 0) const {
      if (!chance_.accepts(probability, place, sibling)) return false;
      if (loop_.draft_.is_tree()) row_ = loop_.child_row(row_, sibling);
      return true;
    }
    Token draw(const Distribution& distribution, std::size_t place,
               RandomRole role) const {
      const std::size_t row = loop_.draft_.is_tree() ? row_ : place;
      return chance_.draw(loop_.masked_late(distribution, row), place, role);
    }

   private:
    const NaiveRuledLoop& loop_;
    const Chance& chance_;
    mutable std::size_t row_ = 0;  // of the token accepted last
  };

  bool masks_late() const {
    return bug_ == RuleBug::kMaskAfterAcceptor ||
           bug_ == RuleBug::kOnlyDraftsMasked;
  }

  // What a window drafts behind `ruling`, and the target's rows.
  void draft(const TextByHand& ruling, const Luck& luck) {
    draft_ = {};
    places_ = {ruling};
    const std::int64_t left = toy_.max_tokens - std::ssize(ruling.text());
    const std::int64_t length = std::min(toy_.window, left) - 1;
    if (acceptor_ == RuledAcceptor::kTrees) {
      // Two siblings, and what follows the first.
      if (length > 0 && grow(-1, luck)) {
        grow(-1, luck);
        if (length > 1) grow(0, luck);
      }
    } else {
      while (std::ssize(draft_.tokens) < length &&
             grow(static_cast<std::int32_t>(draft_.size()) - 1, luck)) {
      }
    }
    target_.clear();
    for (std::size_t i = 0; i < places_.size(); ++i) {
      target_.push_back(target_row(i));
    }
  }

  // Draws a token behind token `parent`. False: nothing can come there.
  bool grow(std::int32_t parent, const Luck& luck) {
    TextByHand place = places_[static_cast<std::size_t>(parent + 1)];
    if (place.ended() && bug_ != RuleBug::kPastTheEnd) return false;
    Distribution q =
        row(bug_ == RuleBug::kMaskAfterAcceptor ? Mask::kNone : Mask::kRight,
            place, toy_.draft);
    std::size_t branch = 0;
    for (std::size_t i = 0; i < draft_.size() && !q.empty(); ++i) {
      if (draft_.parent(i) != parent) continue;
      q = without(q, draft_.tokens[i]);
      ++branch;
    }
    if (q.empty()) return false;
    const auto depth =
        static_cast<std::size_t>(place.size() - places_.front().size());
    const Token token = luck.propose(
        q, static_cast<std::uint64_t>(place.size()), depth, branch);
    draft_.tokens.push_back(token);
    draft_.probs.push_back(std::move(q));
    if (acceptor_ == RuledAcceptor::kTrees) draft_.parents.push_back(parent);
    place.push(token);
    places_.push_back(std::move(place));
    return true;
  }

  Distribution target_row(std::size_t i) {
    const TextByHand& place = places_[i];
    if (place.ended() && bug_ != RuleBug::kPastTheEnd) {
      return Distribution::one_hot(0);  // nothing is drawn that counts
    }
    const std::int32_t child =
        draft_.next_child(static_cast<std::int32_t>(i) - 1, i);
    Mask mask = Mask::kRight;
    if (masks_late()) mask = Mask::kNone;
    if (bug_ == RuleBug::kBonusUnmasked && child < 0) mask = Mask::kNone;
    if (bug_ == RuleBug::kEndForgotten) mask = Mask::kWithoutEnd;
    TextByHand ruling = place;
    if (bug_ == RuleBug::kMaskAtWindowsStart) {
      ruling = places_.front().with_tokens_of(place);
    } else if (bug_ == RuleBug::kOneTokenTooFar && child >= 0) {
      ruling =
          places_[static_cast<std::size_t>(child + 1)].with_tokens_of(place);
    }
    const Distribution& p = row(mask, ruling, toy_.target);
    return p.empty() ? Distribution::one_hot(0) : p;
  }

  Verdict judge(const Luck& luck, std::uint64_t position) const {
    if constexpr (requires { luck.random(); }) {
      if (acceptor_ == RuledAcceptor::kCoupled) {
        return judge_coupled(luck.random(), position);
      }
    }
    const auto& chance = luck.chance(position);
    const LateMask<std::remove_cvref_t<decltype(chance)>> late(*this, chance);
    return acceptor_ == RuledAcceptor::kBlock
               ? verify_block(draft_, target_, late)
               : verify_by_rejection(draft_, target_, late);
  }

  Verdict judge_coupled(const Random& random, std::uint64_t position) const {
    Verdict verdict;
    std::size_t row = 0;
    while (true) {
      const Distribution& p = target_[row];
      const Token drawn = gumbel_draw(p, random, position + verdict.accepted);
      const std::int32_t child =
          draft_.child_with(static_cast<std::int32_t>(row) - 1, drawn);
      if (child < 0) {
        verdict.tokens.push_back(gumbel_draw(masked_late(p, row), random,
                                             position + verdict.accepted));
        return verdict;
      }
      verdict.tokens.push_back(drawn);
      ++verdict.accepted;
      row = static_cast<std::size_t>(child + 1);
    }
  }

  std::size_t child_row(std::size_t row, std::size_t sibling) const {
    const auto parent = static_cast<std::int32_t>(row) - 1;
    std::int32_t child = draft_.next_child(parent, row);
    for (; sibling > 0; --sibling) {
      child = draft_.next_child(parent, static_cast<std::size_t>(child + 1));
    }
    return static_cast<std::size_t>(child + 1);
  }

  Distribution masked_late(const Distribution& distribution,
                           std::size_t row) const {
    std::vector<Distribution::Entry> allowed;
    for (const auto& entry : distribution.entries()) {
      if (places_[row].allows(entry.token)) allowed.push_back(entry);
    }
    return !masks_late() || allowed.empty() ? distribution
                                            : Distribution(std::move(allowed));
  }

  // Texts come again and again, so that each row is worked out once.
  const Distribution& row(Mask mask, const TextByHand& place,
                          const LogitTable& table) {
    const auto [at, is_new] =
        rows_.try_emplace({mask, &table, place.node(), place.text()});
    if (is_new) {
      at->second = mask == Mask::kNone         ? place.unruled(table)
                   : mask == Mask::kWithoutEnd ? place.next_without_end(table)
                                               : place.next(table);
    }
    return at->second;
  }

  const Toy& toy_;
  const ToyRule& rule_;
  RuledAcceptor acceptor_;
  RuleBug bug_;
  std::map<std::tuple<Mask, const LogitTable*, const ToyRule::Node*,
                      std::vector<Token>>,
           Distribution>
      rows_;
  // Of the window.
  Draft draft_;
  std::vector<Distribution> target_;  // of the first place, then of each token
  std::vector<TextByHand> places_;    // the text before each row
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_NAIVE_RULED_LOOP_H_
