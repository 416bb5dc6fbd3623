// Exactness without sampling: over toy chains, what drafting and a rule emit is
// integrated over all randomness and compared with the target's own joint
// distribution. The same comparison must refuse rules that are wrong.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "speculative/acceptors/block.h"
#include "speculative/acceptors/rejection.h"
#include "speculative/keyed_chance.h"
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

// How tokens are drafted from q, and what is said of it.
enum class HowDrafted {
  kSampled,
  kArgmax,               // q is one-hot, told by empty probs
  kArgmaxToldAsSampled,  // wrong: the softmax is handed on as q
  kSampledToldSquared,   // wrong: q before the temperature
};

class Integrator {
 public:
  Integrator(const Chain& chain, size_t window, HowDrafted drafting,
             const Rule& rule)
      : chain_(chain), window_(window), drafting_(drafting), rule_(rule) {}

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
        from_ = {at, prefix, mass_[at][prefix]};
        draft_further({}, {chain_.p[at][prefix]}, prefix, 1);
      }
    }
    return mass_[chain_.length];
  }

 private:
  struct Start {
    size_t at;
    size_t prefix;
    double mass;
  };

  void draft_further(const Draft& draft, std::vector<Distribution> target,
                     size_t prefix, double probability) {
    const size_t at = from_.at + draft.size();
    if (draft.size() + 1 == window_ || at + 1 == chain_.length) {
      emit(draft, target, probability);
      return;
    }
    const Distribution& q = chain_.q[at][prefix];
    const bool argmax = drafting_ == HowDrafted::kArgmax ||
                        drafting_ == HowDrafted::kArgmaxToldAsSampled;
    const Distribution drawn = argmax ? Distribution::one_hot(q.argmax()) : q;
    for (const auto& entry : drawn.entries()) {
      if (entry.probability == 0) continue;
      Draft longer = draft;
      longer.tokens.push_back(entry.token);
      if (drafting_ == HowDrafted::kSampledToldSquared) {
        longer.probs.push_back(squared(q));
      } else if (drafting_ != HowDrafted::kArgmax) {
        longer.probs.push_back(q);
      }
      const size_t next = chain_.extend(prefix, entry.token);
      std::vector<Distribution> rows = target;
      rows.push_back(chain_.p[at + 1][next]);
      draft_further(longer, std::move(rows), next,
                    probability * entry.probability);
    }
  }

  void emit(const Draft& draft, const std::vector<Distribution>& target,
            double probability) {
    test::for_each_outcome(
        rule_, draft, target, [&](const Verdict& verdict, double outcome) {
          size_t prefix = from_.prefix;
          size_t at = from_.at;
          for (const Token token : verdict.tokens) {
            if (at == chain_.length) break;
            prefix = chain_.extend(prefix, token);
            ++at;
          }
          mass_[at][prefix] += from_.mass * probability * outcome;
        });
  }

  static Distribution squared(const Distribution& q) {
    std::vector<double> w;
    for (const auto& entry : q.entries()) {
      w.resize(static_cast<size_t>(entry.token));
      w.push_back(entry.probability * entry.probability);
    }
    return from(w);
  }

  const Chain& chain_;
  size_t window_;
  HowDrafted drafting_;
  const Rule& rule_;
  Start from_{};
  std::vector<std::vector<double>> mass_;  // [prefix length][prefix]
};

double largest_error(const Chain& chain, size_t window, HowDrafted drafting,
                     const Rule& rule) {
  const std::vector<double> expected = chain.target_joint();
  const std::vector<double> actual =
      Integrator(chain, window, drafting, rule).joint();
  double error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, std::abs(expected[i] - actual[i]));
  }
  return error;
}

const Rule kRejection = [](const Draft& draft,
                           std::span<const Distribution> target,
                           const OutcomeTree& chance) {
  return verify_by_rejection(draft, target, chance);
};

const Rule kBlock = [](const Draft& draft, std::span<const Distribution> target,
                       const OutcomeTree& chance) {
  return verify_block(draft, target, chance);
};

const std::pair<const char*, Rule> kExactRules[] = {{"rejection", kRejection},
                                                    {"block", kBlock}};

// Vocabulary, window; the chain is one window long and one token more, so that
// iterations also start inside it.
class Exhaustive : public testing::TestWithParam<std::pair<size_t, size_t>> {};

TEST_P(Exhaustive, MixedPairsAreExact) {
  const auto [vocab, window] = GetParam();
  const int chains = vocab <= 3 ? 300 : 60;
  for (int i = 0; i < chains; ++i) {
    RowMaker rows(vocab, static_cast<unsigned>(i));
    const Chain chain(vocab, window + 1, [&] { return rows.make_any(); });
    for (const auto& [name, rule] : kExactRules) {
      for (const HowDrafted drafting :
           {HowDrafted::kSampled, HowDrafted::kArgmax}) {
        EXPECT_LT(largest_error(chain, window, drafting, rule), kTolerance)
            << name << ", chain " << i << ", drafting "
            << static_cast<int>(drafting);
      }
    }
  }
}

TEST_P(Exhaustive, EachKindOfPairIsExact) {
  const auto [vocab, window] = GetParam();
  for (int kind = 0; kind < kPairs; ++kind) {
    RowMaker rows(vocab, 77);
    const Chain chain(vocab, window + 1,
                      [&] { return rows.make(static_cast<Pair>(kind)); });
    for (const auto& [name, rule] : kExactRules) {
      for (const HowDrafted drafting :
           {HowDrafted::kSampled, HowDrafted::kArgmax}) {
        EXPECT_LT(largest_error(chain, window, drafting, rule), kTolerance)
            << name << ", pair " << kind << ", drafting "
            << static_cast<int>(drafting);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Chains, Exhaustive,
                         testing::Values(std::pair{2u, 1u}, std::pair{2u, 2u},
                                         std::pair{2u, 4u}, std::pair{2u, 5u},
                                         std::pair{3u, 2u}, std::pair{3u, 3u},
                                         std::pair{3u, 4u}, std::pair{4u, 3u},
                                         std::pair{4u, 4u}, std::pair{5u, 2u},
                                         std::pair{5u, 3u}, std::pair{5u, 4u}),
                         [](const auto& p) {
                           return "Vocab" + std::to_string(p.param.first) +
                                  "Window" + std::to_string(p.param.second);
                         });

// Negative controls: what some engines have shipped. Each must be caught by the
// comparison above.

double error_on_mixed_chains(HowDrafted drafting, const Rule& rule) {
  double error = 0;
  for (unsigned i = 0; i < 5; ++i) {
    RowMaker rows(3, i);
    const Chain chain(3, 4, [&] { return rows.make_any(); });
    error = std::max(error, largest_error(chain, 3, drafting, rule));
  }
  return error;
}

TEST(ExhaustiveControl, TheRulesThemselvesPass) {
  for (const auto& [name, rule] : kExactRules) {
    EXPECT_LT(error_on_mixed_chains(HowDrafted::kSampled, rule), kTolerance)
        << name;
  }
}

TEST(ExhaustiveControl, AnArgmaxDraftTestedAgainstASoftmaxIsCaught) {
  for (const auto& [name, rule] : kExactRules) {
    EXPECT_GT(error_on_mixed_chains(HowDrafted::kArgmaxToldAsSampled, rule),
              kErrorCaught)
        << name;
  }
}

// For p = [.2, .5, .3], q = [.6, .3, .1] gives [1/3, 1/3,
// 1/3].
TEST(ExhaustiveControl, TheKnownExampleOfThatIsReproduced) {
  const Chain chain(3, 2, [] {
    return std::pair{from({.2, .5, .3}), from({.6, .3, .1})};
  });
  const std::vector<double> wrong =
      Integrator(chain, 2, HowDrafted::kArgmaxToldAsSampled, kRejection)
          .joint();
  for (size_t first = 0; first < 3; ++first) {
    double marginal = 0;
    for (size_t second = 0; second < 3; ++second) {
      marginal += wrong[first * 3 + second];
    }
    EXPECT_NEAR(marginal, 1.0 / 3, 1e-12);
  }
}

TEST(ExhaustiveControl, ADraftThatIsNotWhatItSaysIsCaught) {
  for (const auto& [name, rule] : kExactRules) {
    EXPECT_GT(error_on_mixed_chains(HowDrafted::kSampledToldSquared, rule),
              kErrorCaught)
        << name;
  }
}

// verify_by_rejection with one thing wrong.
struct Wrong {
  bool inverted_ratio = false;
  bool recovers_from_target = false;
  bool residual_not_clipped = false;
  bool bonus_from_previous_row = false;
  bool counts_non_zero_ids = false;
  bool accepts_likely_ones = false;  // "above 60 %"

  Verdict operator()(const Draft& draft, std::span<const Distribution> target,
                     const OutcomeTree& chance) const {
    Verdict verdict;
    for (size_t i = 0; i < draft.size(); ++i) {
      const Token x = draft.tokens[i];
      const double p = target[i].probability(x);
      double ratio = p / draft.proposed(i);
      if (inverted_ratio) ratio = draft.proposed(i) / p;
      if (accepts_likely_ones) ratio = p > 0.6 ? 1 : 0;
      if (counts_non_zero_ids && x == 0) ratio = 0;
      if (!chance.accepts(ratio, i)) {
        const Distribution q =
            draft.probs.empty() ? Distribution::one_hot(x) : draft.probs[i];
        verdict.tokens.push_back(chance.draw(recovers_from_target ? target[i]
                                             : residual_not_clipped
                                                 ? absolute(target[i], q)
                                                 : residual(target[i], q),
                                             i));
        return verdict;
      }
      verdict.tokens.push_back(x);
      ++verdict.accepted;
    }
    const size_t last = draft.size();
    verdict.tokens.push_back(chance.draw(
        target[bonus_from_previous_row && last > 0 ? last - 1 : last], last));
    return verdict;
  }

  static Distribution absolute(const Distribution& p, const Distribution& q) {
    std::vector<double> w(3);
    double mass = 0;
    for (Token x = 0; x < 3; ++x) {
      mass += w[static_cast<size_t>(x)] =
          std::abs(p.probability(x) - q.probability(x));
    }
    return mass > 0 ? from(w) : p;
  }
};

TEST(ExhaustiveControl, EveryWrongRuleIsCaught) {
  EXPECT_LT(error_on_mixed_chains(HowDrafted::kSampled, Wrong{}), kTolerance);
  const auto expect_caught = [](const char* what, auto break_it) {
    Wrong rule;
    break_it(rule);
    for (const HowDrafted drafting :
         {HowDrafted::kSampled, HowDrafted::kArgmax}) {
      EXPECT_GT(error_on_mixed_chains(drafting, rule), kErrorCaught) << what;
    }
  };
  expect_caught("ratio", [](Wrong& w) { w.inverted_ratio = true; });
  expect_caught("recovery", [](Wrong& w) { w.recovers_from_target = true; });
  expect_caught("clip", [](Wrong& w) { w.residual_not_clipped = true; });
  expect_caught("bonus", [](Wrong& w) { w.bonus_from_previous_row = true; });
  expect_caught("zero id", [](Wrong& w) { w.counts_non_zero_ids = true; });
  expect_caught("60 %", [](Wrong& w) { w.accepts_likely_ones = true; });
}

// verify_block with one thing wrong.
struct WrongBlock {
  bool ratios_not_clipped = false;
  bool ratios_as_tests = false;    // h = P for every length
  bool stops_at_first = false;     // a failed test ends it, as by rejection
  bool residual_unscaled = false;  // of p - q, as by rejection
  bool mass_unscaled = false;      // h = S / (S + 1 - P) of an unscaled S

  Verdict operator()(const Draft& draft, std::span<const Distribution> target,
                     const OutcomeTree& chance) const {
    std::vector<double> ratios = {1};
    for (size_t i = 0; i < draft.size(); ++i) {
      const double next = ratios.back() *
                          target[i].probability(draft.tokens[i]) /
                          draft.proposed(i);
      ratios.push_back(ratios_not_clipped ? next : std::min(1.0, next));
    }
    const auto q = [&](size_t i) {
      return draft.probs.empty() ? Distribution::one_hot(draft.tokens[i])
                                 : draft.probs[i];
    };
    size_t kept = 0;
    for (size_t i = 1; i <= draft.size(); ++i) {
      double h = ratios[i];
      if (i < draft.size() && !ratios_as_tests) {
        const double mass =
            residual_mass(target[i], q(i), mass_unscaled ? 1 : ratios[i]);
        const double whole = mass + 1 - ratios[i];
        h = whole > 0 ? mass / whole : 1;
      }
      if (chance.accepts(h, i - 1)) {
        kept = i;
      } else if (stops_at_first) {
        break;
      }
    }
    Verdict verdict;
    verdict.accepted = kept;
    verdict.tokens.assign(draft.tokens.begin(),
                          draft.tokens.begin() + static_cast<long>(kept));
    verdict.tokens.push_back(chance.draw(
        kept == draft.size() ? target[kept]
                             : residual(target[kept], q(kept),
                                        residual_unscaled ? 1 : ratios[kept]),
        kept));
    return verdict;
  }
};

TEST(ExhaustiveControl, EveryWrongBlockRuleIsCaught) {
  // Over few tokens a residual has one entry, and its scale does not show.
  const auto error = [](const WrongBlock& rule) {
    double most = 0;
    for (unsigned i = 0; i < 10; ++i) {
      RowMaker rows(5, i);
      const Chain chain(5, 4, [&] { return rows.make(Pair::kIndependent); });
      most =
          std::max(most, largest_error(chain, 3, HowDrafted::kSampled, rule));
    }
    return most;
  };
  EXPECT_LT(error(WrongBlock{}), kTolerance);
  const auto expect_caught = [&](const char* what, auto break_it) {
    WrongBlock rule;
    break_it(rule);
    EXPECT_GT(error(rule), kErrorCaught) << what;
  };
  expect_caught("clip", [](WrongBlock& w) { w.ratios_not_clipped = true; });
  expect_caught("tests", [](WrongBlock& w) { w.ratios_as_tests = true; });
  expect_caught("order", [](WrongBlock& w) { w.stops_at_first = true; });
  expect_caught("residual", [](WrongBlock& w) { w.residual_unscaled = true; });
  expect_caught("mass", [](WrongBlock& w) { w.mass_unscaled = true; });
}

// The tokens a rule accepts of a draft of `length` on average.
double expected_accepted(const Chain& chain, size_t length, HowDrafted drafting,
                         const Rule& rule) {
  double sum = 0;
  const auto go_on = [&](const auto& self, const Draft& draft,
                         std::vector<Distribution> target, size_t prefix,
                         double probability) -> void {
    const size_t at = draft.size();
    target.push_back(chain.p[at][prefix]);
    if (at == length) {
      test::for_each_outcome(
          rule, draft, target, [&](const Verdict& verdict, double outcome) {
            sum +=
                probability * outcome * static_cast<double>(verdict.accepted);
          });
      return;
    }
    const Distribution& q = chain.q[at][prefix];
    const bool argmax = drafting == HowDrafted::kArgmax;
    const Distribution drawn = argmax ? Distribution::one_hot(q.argmax()) : q;
    for (const auto& entry : drawn.entries()) {
      if (entry.probability == 0) continue;
      Draft longer = draft;
      longer.tokens.push_back(entry.token);
      if (!argmax) longer.probs.push_back(q);
      self(self, longer, target, chain.extend(prefix, entry.token),
           probability * entry.probability);
    }
  };
  go_on(go_on, {}, {}, 0, 1);
  return sum;
}

TEST(Block, NeverAcceptsFewerTokensThanRejection) {
  double most_gained = 0;
  for (unsigned i = 0; i < 300; ++i) {
    const size_t vocab = 2 + i % 4;
    const size_t length = 1 + i % 4;
    RowMaker rows(vocab, i);
    const Chain chain(vocab, length + 1, [&] { return rows.make_any(); });
    for (const HowDrafted drafting :
         {HowDrafted::kSampled, HowDrafted::kArgmax}) {
      const double by_rejection =
          expected_accepted(chain, length, drafting, kRejection);
      const double by_block =
          expected_accepted(chain, length, drafting, kBlock);
      EXPECT_GE(by_block, by_rejection - kTolerance) << "chain " << i;
      // A window of one token leaves nothing to decide together.
      if (length == 1) {
        EXPECT_NEAR(by_block, by_rejection, kTolerance);
      }
      most_gained = std::max(most_gained, by_block - by_rejection);
    }
  }
  EXPECT_GT(most_gained, 0.1);
}

// The paper's own example: two tokens, p = (1/3, 2/3), q = (2/3, 1/3), drafts
// of two. By rejection 10/9 tokens are accepted on average, by blocks 11/9.
TEST(Block, AcceptsWhatThePaperSays) {
  const Chain chain(2, 3, [] { return std::pair{from({1, 2}), from({2, 1})}; });
  EXPECT_NEAR(expected_accepted(chain, 2, HowDrafted::kSampled, kRejection),
              10.0 / 9, kTolerance);
  EXPECT_NEAR(expected_accepted(chain, 2, HowDrafted::kSampled, kBlock),
              11.0 / 9, kTolerance);
}

// No exact rule accepts the first i tokens more often than the overlap of the
// joint distributions, sum min(p(x_1..x_i), q(x_1..x_i)).
TEST(Block, NeverAcceptsMoreThanTheOverlapOfTheJoints) {
  for (unsigned i = 0; i < 100; ++i) {
    RowMaker rows(3, i);
    const Chain chain(3, 4, [&] { return rows.make_any(); });
    double bound = 0;
    std::vector<std::pair<double, double>> joints = {{1, 1}};
    for (size_t at = 0; at < 3; ++at) {
      std::vector<std::pair<double, double>> next;
      for (size_t prefix = 0; prefix < joints.size(); ++prefix) {
        for (Token x = 0; x < 3; ++x) {
          next.push_back(
              {joints[prefix].first * chain.p[at][prefix].probability(x),
               joints[prefix].second * chain.q[at][prefix].probability(x)});
          bound += std::min(next.back().first, next.back().second);
        }
      }
      joints = std::move(next);
    }
    EXPECT_LE(expected_accepted(chain, 3, HowDrafted::kSampled, kBlock),
              bound + kTolerance);
  }
}

// Acceptance per position is 1 - TV(p, q), the most a token-by-token rule can.
TEST(Rejection, AcceptsAsOftenAsIsPossible) {
  RowMaker rows(5, 3);
  for (int repeat = 0; repeat < 50; ++repeat) {
    const auto [p, q] = rows.make_any();
    double overlap = 0;
    for (Token x = 0; x < 5; ++x) {
      overlap += std::min(p.probability(x), q.probability(x));
    }
    double accepted = 0;
    for (const auto& entry : q.entries()) {
      if (entry.probability == 0) continue;
      const Draft draft{{entry.token}, {q}};
      const std::vector<Distribution> target = {p, p};
      test::for_each_outcome(kRejection, draft, target,
                             [&](const Verdict& verdict, double probability) {
                               accepted +=
                                   entry.probability * probability *
                                   static_cast<double>(verdict.accepted);
                             });
    }
    EXPECT_NEAR(accepted, overlap, 1e-12);
  }
}

// Rounding can reject where p and q are equal; the residual then has no mass.
class AlwaysRejects {
 public:
  bool accepts(double, size_t, size_t = 0) const { return false; }
  Token draw(const Distribution& distribution, size_t, RandomRole) const {
    return distribution.sample(0.999);
  }
};

TEST(ExactRules, AResidualWithoutMassFallsBackToTheTarget) {
  const Distribution p({{3, 0.5}, {8, 0.5}});
  const Draft draft{{3}, {p}};
  const std::vector<Distribution> target = {p, Distribution::one_hot(1)};
  for (const Verdict& verdict :
       {verify_by_rejection(draft, target, AlwaysRejects()),
        verify_block(draft, target, AlwaysRejects())}) {
    EXPECT_EQ(verdict.accepted, 0u);
    EXPECT_EQ(verdict.tokens, std::vector<Token>{8});
  }
}

TEST(ExactRules, NeverAcceptWhatTheTargetCannotYield) {
  // Also where the draft claims that it could not either.
  const Draft draft{{2, 0}, {Distribution::one_hot(1), from({1, 1})}};
  const Distribution p({{0, 0.5}, {1, 0.5}});
  const std::vector<Distribution> target = {p, p, Distribution::one_hot(1)};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Random random(seed);
    const KeyedChance chance(random, 5);
    EXPECT_EQ(verify_by_rejection(draft, target, chance).accepted, 0u);
    EXPECT_EQ(verify_block(draft, target, chance).accepted, 0u);
  }
}

}  // namespace
}  // namespace pilotfish
