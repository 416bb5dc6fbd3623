// Exactness of trees without sampling: as exhaustive_test.cc for chains. Over
// toy chains, the drawing of a tree and what the rule then emits are integrated
// over all randomness and compared with the target's joint distribution.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "speculative/acceptors/block.h"
#include "speculative/acceptors/rejection.h"
#include "speculative/testing/outcome_tree.h"
#include "speculative/testing/toy_chain.h"

namespace pilotfish {
namespace {

using test::Chain;
using test::from;
using test::kErrorCaught;
using test::kPairs;
using test::kTolerance;
using test::OutcomeTree;
using test::Pair;
using test::RowMaker;
using test::Rule;

constexpr std::int32_t kNoMore = -2;

// The parent of a tree's next token, given the draft so far; kNoMore: it is
// complete.
using Shape = std::function<std::int32_t(const Draft&)>;

Shape fixed(std::vector<std::int32_t> parents) {
  return [parents](const Draft& draft) {
    return draft.size() < parents.size() ? parents[draft.size()] : kNoMore;
  };
}

// Grows by what was drawn before.
Shape dynamic(std::size_t most) {
  return [most](const Draft& draft) {
    if (draft.size() == most) return kNoMore;
    std::size_t mixed = draft.size();
    for (const Token token : draft.tokens) {
      mixed = 31 * mixed + static_cast<std::size_t>(token) + 7;
    }
    return static_cast<std::int32_t>(mixed % (draft.size() + 1)) - 1;
  };
}

// How siblings are drawn, and what is said of it.
enum class Siblings {
  kWithoutReplacement,
  kWithReplacement,  // they may be equal
  kMostProbable,     // one after another, with certainty
  kWithoutToldAsWith,
  kWithToldAsWithout,
  kNotRenormalised,  // q without those before, as it is
  kUnlikelyOnesLeftOut,
};

Distribution without(const Distribution& q, Token token, bool renormalised) {
  std::vector<Distribution::Entry> left;
  double mass = 0;
  for (const auto& entry : q.entries()) {
    if (entry.token == token) continue;
    left.push_back(entry);
    mass += entry.probability;
  }
  for (auto& entry : left) {
    if (renormalised && mass > 0) entry.probability /= mass;
  }
  return mass > 0 ? Distribution(std::move(left)) : Distribution();
}

class TreeIntegrator {
 public:
  TreeIntegrator(const Chain& chain, const Shape& shape, Siblings siblings,
                 const Rule& rule)
      : chain_(chain), shape_(shape), siblings_(siblings), rule_(rule) {}

  // The distribution of what is emitted, iteration after iteration.
  std::vector<double> joint() {
    mass_.clear();
    size_t prefixes = 1;
    for (size_t i = 0; i <= chain_.length; ++i, prefixes *= chain_.vocab) {
      mass_.emplace_back(prefixes, 0.0);
    }
    mass_[0][0] = 1;
    for (size_t at = 0; at < chain_.length; ++at) {
      for (size_t prefix = 0; prefix < mass_[at].size(); ++prefix) {
        if (mass_[at][prefix] == 0) continue;
        start_ = {at, prefix};
        from_mass_ = mass_[at][prefix];
        draft_further({}, {}, {chain_.p[at][prefix]}, 1);
      }
    }
    return mass_[chain_.length];
  }

 private:
  struct Place {
    size_t at;  // tokens before
    size_t prefix;
  };

  // `ends`: where each drafted token leads.
  void draft_further(const Draft& draft, const std::vector<Place>& ends,
                     const std::vector<Distribution>& target,
                     double probability) {
    const std::int32_t parent = shape_(draft);
    if (parent == kNoMore) return emit(draft, target, probability);
    const Place place = parent < 0 ? start_ : ends[static_cast<size_t>(parent)];
    // The target's row behind a token must be there.
    if (place.at + 1 >= chain_.length) return emit(draft, target, probability);
    const Distribution& q = chain_.q[place.at][place.prefix];
    Distribution drawn = q;
    Distribution told = q;
    for (size_t i = 0; i < draft.size(); ++i) {
      if (draft.parents[i] != parent) continue;
      const Token x = draft.tokens[i];
      if (siblings_ != Siblings::kWithReplacement &&
          siblings_ != Siblings::kWithToldAsWithout) {
        drawn = without(drawn, x, true);
      }
      if (siblings_ != Siblings::kWithReplacement &&
          siblings_ != Siblings::kWithoutToldAsWith) {
        told = without(told, x, siblings_ != Siblings::kNotRenormalised);
      }
    }
    if (siblings_ == Siblings::kMostProbable && !drawn.empty()) {
      drawn = Distribution::one_hot(drawn.argmax());
    }
    // All that q has are siblings already.
    if (drawn.empty()) return emit(draft, target, probability);
    for (const auto& entry : drawn.entries()) {
      if (entry.probability == 0) continue;
      if (siblings_ == Siblings::kUnlikelyOnesLeftOut &&
          entry.probability < 0.3) {
        emit(draft, target, probability * entry.probability);
        continue;
      }
      Draft larger = draft;
      larger.tokens.push_back(entry.token);
      larger.parents.push_back(parent);
      if (siblings_ != Siblings::kMostProbable) larger.probs.push_back(told);
      const Place end = {place.at + 1,
                         chain_.extend(place.prefix, entry.token)};
      std::vector<Place> more_ends = ends;
      more_ends.push_back(end);
      std::vector<Distribution> rows = target;
      rows.push_back(chain_.p[end.at][end.prefix]);
      draft_further(larger, more_ends, rows, probability * entry.probability);
    }
  }

  void emit(const Draft& draft, const std::vector<Distribution>& target,
            double probability) {
    test::for_each_outcome(
        rule_, draft, target, [&](const Verdict& verdict, double outcome) {
          Place place = start_;
          for (const Token token : verdict.tokens) {
            if (place.at == chain_.length) break;
            place = {place.at + 1, chain_.extend(place.prefix, token)};
          }
          mass_[place.at][place.prefix] += from_mass_ * probability * outcome;
        });
  }

  const Chain& chain_;
  const Shape& shape_;
  Siblings siblings_;
  const Rule& rule_;
  Place start_{};
  double from_mass_ = 0;
  std::vector<std::vector<double>> mass_;  // [prefix length][prefix]
};

double largest_error(const Chain& chain, const Shape& shape, Siblings siblings,
                     const Rule& rule) {
  const std::vector<double> expected = chain.target_joint();
  const std::vector<double> actual =
      TreeIntegrator(chain, shape, siblings, rule).joint();
  double error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, std::abs(expected[i] - actual[i]));
  }
  return error;
}

const Rule kRule = [](const Draft& draft, std::span<const Distribution> target,
                      const OutcomeTree& chance) {
  return verify_by_rejection(draft, target, chance);
};

constexpr Siblings kHonest[] = {Siblings::kWithoutReplacement,
                                Siblings::kWithReplacement,
                                Siblings::kMostProbable};

struct Trees {
  const char* name;
  size_t vocab;
  size_t length;
  int chains;
  Shape shape;
};

const Trees kTrees[] = {
    {"TwoSiblings", 4, 2, 300, fixed({-1, -1})},
    {"ThreeSiblings", 5, 2, 150, fixed({-1, -1, -1})},
    {"AllThereAre", 3, 2, 300, fixed({-1, -1, -1, -1})},
    {"TwoChains", 3, 4, 60, fixed({-1, 0, -1, 2})},
    {"ChainsBehindABranch", 3, 4, 60, fixed({-1, -1, 0, 1, 2})},
    {"LevelByLevel", 2, 4, 150, fixed({-1, -1, 0, 0, 1, 1})},
    {"OutOfOrder", 3, 4, 40, fixed({-1, 0, -1, 0, 2})},
    {"Dynamic", 3, 4, 60, dynamic(5)},
};

void PrintTo(const Trees& trees, std::ostream* out) { *out << trees.name; }

class ExhaustiveTree : public testing::TestWithParam<Trees> {};

TEST_P(ExhaustiveTree, MixedPairsAreExact) {
  const Trees& trees = GetParam();
  for (int i = 0; i < trees.chains; ++i) {
    RowMaker rows(trees.vocab, static_cast<unsigned>(i));
    const Chain chain(trees.vocab, trees.length,
                      [&] { return rows.make_any(); });
    for (const Siblings siblings : kHonest) {
      EXPECT_LT(largest_error(chain, trees.shape, siblings, kRule), kTolerance)
          << "chain " << i << ", siblings " << static_cast<int>(siblings);
    }
  }
}

TEST_P(ExhaustiveTree, EachKindOfPairIsExact) {
  const Trees& trees = GetParam();
  for (int kind = 0; kind < kPairs; ++kind) {
    RowMaker rows(trees.vocab, 77);
    const Chain chain(trees.vocab, trees.length,
                      [&] { return rows.make(static_cast<Pair>(kind)); });
    for (const Siblings siblings : kHonest) {
      EXPECT_LT(largest_error(chain, trees.shape, siblings, kRule), kTolerance)
          << "pair " << kind << ", siblings " << static_cast<int>(siblings);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Trees, ExhaustiveTree, testing::ValuesIn(kTrees),
                         [](const auto& it) { return it.param.name; });

// Negative controls.

double error_on_mixed_chains(Siblings siblings, const Rule& rule,
                             const Shape& shape) {
  double error = 0;
  for (unsigned i = 0; i < 5; ++i) {
    RowMaker rows(4, i);
    const Chain chain(4, 4, [&] { return rows.make_any(); });
    error = std::max(error, largest_error(chain, shape, siblings, rule));
  }
  return error;
}

TEST(ExhaustiveTreeControl, ADrawingThatIsNotWhatItSaysIsCaught) {
  const Shape shape = fixed({-1, -1, 0, 0});
  EXPECT_LT(error_on_mixed_chains(Siblings::kWithoutReplacement, kRule, shape),
            kTolerance);
  for (const Siblings siblings :
       {Siblings::kWithoutToldAsWith, Siblings::kWithToldAsWithout,
        Siblings::kNotRenormalised, Siblings::kUnlikelyOnesLeftOut}) {
    EXPECT_GT(error_on_mixed_chains(siblings, kRule, shape), kErrorCaught)
        << static_cast<int>(siblings);
  }
}

// verify_by_rejection for one place and its siblings, with one thing wrong.
struct WrongSiblings {
  bool target_not_updated = false;  // each is judged as if it were the first
  bool residual_of_last_alone = false;
  bool recovers_from_target = false;
  bool residual_not_renormalised = false;

  Verdict operator()(const Draft& draft, std::span<const Distribution> target,
                     const OutcomeTree& chance) const {
    Verdict verdict;
    Distribution p = target[0];
    for (size_t i = 0; i < draft.size(); ++i) {
      const Token x = draft.tokens[i];
      const Distribution& judged = target_not_updated ? target[0] : p;
      if (chance.accepts(judged.probability(x) / draft.proposed(i), 0, i)) {
        return {{x, chance.draw(target[i + 1], 1)}, 1};
      }
      const Distribution q =
          draft.probs.empty() ? Distribution::one_hot(x) : draft.probs[i];
      p = residual(residual_of_last_alone ? target[0] : p, q);
      if (residual_not_renormalised) {
        std::vector<Distribution::Entry> left;
        for_each_excess(target[0], q, 1, [&](Token token, double excess) {
          left.push_back({token, excess});
        });
        if (!left.empty()) p = Distribution(std::move(left));
      }
    }
    verdict.tokens = {chance.draw(recovers_from_target ? target[0] : p, 0)};
    return verdict;
  }
};

TEST(ExhaustiveTreeControl, EveryWrongRuleIsCaught) {
  const Shape shape = fixed({-1, -1});
  for (const Siblings siblings : kHonest) {
    EXPECT_LT(error_on_mixed_chains(siblings, WrongSiblings{}, shape),
              kTolerance);
  }
  const auto expect_caught = [&](const char* what, auto break_it) {
    WrongSiblings rule;
    break_it(rule);
    EXPECT_GT(error_on_mixed_chains(Siblings::kWithoutReplacement, rule, shape),
              kErrorCaught)
        << what;
  };
  using W = WrongSiblings;
  expect_caught("not updated", [](W& w) { w.target_not_updated = true; });
  expect_caught("last alone", [](W& w) { w.residual_of_last_alone = true; });
  expect_caught("from target", [](W& w) { w.recovers_from_target = true; });
  expect_caught("scale", [](W& w) { w.residual_not_renormalised = true; });
}

// Drafts that come out as chains judged as blocks, the others as trees: a block
// weighs a token by those drawn after it, and here they decide about the shape.
TEST(ExhaustiveTreeControl, ARuleChosenByTheShapeIsCaught) {
  const Rule by_shape = [](const Draft& draft,
                           std::span<const Distribution> target,
                           const OutcomeTree& chance) {
    for (size_t i = 0; i < draft.size(); ++i) {
      if (draft.parents[i] != static_cast<std::int32_t>(i) - 1) {
        return verify_by_rejection(draft, target, chance);
      }
    }
    const Draft chain = {draft.tokens, draft.probs};
    return verify_block(chain, target, chance);
  };
  const Shape shape = [](const Draft& draft) -> std::int32_t {
    if (draft.size() == 3) return kNoMore;
    const bool sibling = draft.size() == 2 && draft.tokens[1] % 2 == 0;
    return sibling ? -1 : static_cast<std::int32_t>(draft.size()) - 1;
  };
  double right = 0;
  double wrong = 0;
  for (unsigned i = 0; i < 10; ++i) {
    RowMaker rows(3, i);
    const Chain chain(3, 4, [&] { return rows.make(Pair::kIndependent); });
    const auto error = [&](const Rule& rule) {
      return largest_error(chain, shape, Siblings::kWithoutReplacement, rule);
    };
    right = std::max(right, error(kRule));
    wrong = std::max(wrong, error(by_shape));
  }
  EXPECT_LT(right, kTolerance);
  EXPECT_GT(wrong, kErrorCaught);
}

// The probability that one of `width` siblings is accepted.
double accepted_of(size_t width, const Distribution& p, const Distribution& q) {
  double sum = 0;
  const auto go_on = [&](const auto& self, const Draft& draft,
                         const Distribution& left, double probability) -> void {
    if (draft.size() == width || left.empty()) {
      const std::vector<Distribution> target(draft.size() + 1, p);
      test::for_each_outcome(
          kRule, draft, target, [&](const Verdict& verdict, double outcome) {
            sum +=
                probability * outcome * static_cast<double>(verdict.accepted);
          });
      return;
    }
    for (const auto& entry : left.entries()) {
      if (entry.probability == 0) continue;
      Draft larger = draft;
      larger.tokens.push_back(entry.token);
      larger.probs.push_back(left);
      larger.parents.push_back(-1);
      self(self, larger, without(left, entry.token, true),
           probability * entry.probability);
    }
  };
  go_on(go_on, {}, q, 1);
  return sum;
}

TEST(Siblings, MoreOfThemAreAcceptedMoreOftenAndAllOfThemAlways) {
  double gained = 0;
  for (unsigned i = 0; i < 60; ++i) {
    RowMaker rows(4, i);
    const auto [p, q] = rows.make(Pair::kIndependent);
    double overlap = 0;
    for (Token x = 0; x < 4; ++x) {
      overlap += std::min(p.probability(x), q.probability(x));
    }
    double before = accepted_of(1, p, q);
    EXPECT_NEAR(before, overlap, kTolerance);
    gained = std::max(gained, accepted_of(2, p, q) - before);
    for (size_t width = 2; width <= 4; ++width) {
      const double now = accepted_of(width, p, q);
      EXPECT_GE(now, before - kTolerance) << "width " << width;
      before = now;
    }
    EXPECT_NEAR(before, 1, kTolerance);
  }
  EXPECT_GT(gained, 0.2);
}

}  // namespace
}  // namespace pilotfish
