// The rules that need no proof over all outcomes: `coupled` is the target's own
// draw whatever was drafted, `typical` is lossy and must be seen to be.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "pilotfish/acceptor.h"
#include "sampling/chi_square.h"
#include "speculative/acceptors/typical.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/trials.h"

namespace pilotfish {
namespace {

using test::ArgmaxDrafter;
using test::kLevel;
using test::kTrials;
using test::LogitTable;
using test::TableScorer;
using test::Toy;

using Tokens = std::vector<Token>;

Distribution random_distribution(size_t vocab, unsigned seed, double spread) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, spread);
  std::vector<Distribution::Entry> entries;
  double mass = 0;
  for (size_t i = 0; i < vocab; ++i) {
    entries.push_back({static_cast<Token>(i), std::exp(normal(random))});
    mass += entries.back().probability;
  }
  for (auto& entry : entries) entry.probability /= mass;
  return Distribution(std::move(entries));
}

// The definition: argmax log p + g, g = -log(-log(1 - u)).
Token gumbel_reference(const Distribution& p, const Random& random,
                       std::uint64_t position) {
  Token best = -1;
  double most = -HUGE_VAL;
  for (const auto& entry : p.entries()) {
    const double u = random.uniform_pair(
        position, RandomRole::kNoise,
        static_cast<std::uint32_t>(entry.token /
                                   2))[static_cast<size_t>(entry.token % 2)];
    const double value =
        std::log(entry.probability) - std::log(-std::log1p(-u));
    if (value <= most) continue;
    most = value;
    best = entry.token;
  }
  return best;
}

TEST(GumbelDraw, IsTheArgmaxOfLogProbabilityAndNoise) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Distribution p =
        random_distribution(50, static_cast<unsigned>(seed), 3);
    const Random random(seed);
    EXPECT_EQ(gumbel_draw(p, random, seed % 7),
              gumbel_reference(p, random, seed % 7));
  }
}

TEST(GumbelDraw, NeverYieldsWhatHasNoProbability) {
  const Distribution p({{0, 0}, {1, 1e-300}, {5, 0}});
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_EQ(gumbel_draw(p, Random(seed), 3), 1);
  }
}

// Power above 0.99 against w = 0.04 for 16 tokens and 0.06 for 4096, as
// computed in statistical_test.cc.
TEST(GumbelDraw, DrawsFromTheDistribution) {
  for (const size_t vocab : {16u, 4096u}) {
    const Distribution p = random_distribution(vocab, 1, 1.5);
    std::vector<double> expected;
    for (const auto& entry : p.entries()) expected.push_back(entry.probability);
    std::vector<double> counts(vocab);
    // Over both: neighbouring seeds and neighbouring positions.
    for (std::uint64_t i = 0; i < kTrials; ++i) {
      ++counts[static_cast<size_t>(gumbel_draw(p, Random(i / 400), i % 400))];
    }
    EXPECT_GT(chi_square(counts, expected).p_value(), kLevel);
  }
}

// At least (1 - TV) / (1 + TV), and never more than any rule can.
TEST(Coupled, AcceptsAsOftenAsItsBound) {
  for (unsigned pair = 0; pair < 20; ++pair) {
    const Distribution p = random_distribution(8, 2 * pair, 1.5);
    const Distribution q = random_distribution(8, 2 * pair + 1, 1.5);
    double distance = 0;
    for (Token x = 0; x < 8; ++x) {
      distance += 0.5 * std::abs(p.probability(x) - q.probability(x));
    }
    constexpr std::uint64_t kSeeds = 20000;
    double equal = 0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const Random random(seed);
      equal += gumbel_draw(p, random, 1) == gumbel_draw(q, random, 1) ? 1 : 0;
    }
    equal /= kSeeds;
    const double error = 5 * 0.5 / std::sqrt(kSeeds);
    EXPECT_GT(equal, (1 - distance) / (1 + distance) - error);
    EXPECT_LT(equal, 1 - distance + error);
  }
}

Tokens decode(const Toy& toy, std::uint64_t seed, Drafter& drafter,
              std::shared_ptr<const TokenAcceptor> acceptor,
              std::int64_t* accepted = nullptr) {
  TableScorer target(toy.target);
  SpeculativeDecoder decoder(target, drafter, std::move(acceptor));
  Sequence sequence(toy.sequence(seed));
  decoder.admit(sequence);
  Sequence* one = &sequence;
  while (!sequence.finished()) decoder.step({&one, 1});
  decoder.retire(sequence);
  for (const IterationStats& iteration : sequence.iterations()) {
    if (accepted != nullptr) *accepted += iteration.accepted;
  }
  return {sequence.generated().begin(), sequence.generated().end()};
}

// The target's own draws, one after the other, without any of the machinery.
Tokens plain_coupled_text(const Toy& toy, std::uint64_t seed) {
  LogitsProcessor processor;
  const Random random(seed);
  TokenHistory history(toy.prompt, toy.sampling);
  while (history.generated_size() < toy.max_tokens) {
    const Distribution p =
        processor.process(toy.target.row(history.tokens()), toy.sampling,
                          history, toy.stop_tokens);
    history.push(
        gumbel_draw(p, random, static_cast<std::uint64_t>(history.size())));
    if (std::ranges::count(toy.stop_tokens, history.tokens().back()) > 0) break;
  }
  const auto text = history.tokens().subspan(toy.prompt.size());
  return {text.begin(), text.end()};
}

// A toy whose text takes some 40 draws, with sampling that differs by seed.
Toy varied_toy(std::uint64_t seed, float noise) {
  const LogitTable target(24, 16, 1);
  Toy toy(target, LogitTable::like(target, 2, noise));
  toy.max_tokens = 40;
  toy.sampling.temperature = 0.4 + 0.3 * static_cast<double>(seed % 4);
  if (seed % 2 == 1) toy.sampling.top_k = 9;
  if (seed % 3 == 1) toy.sampling.top_p = 0.85;
  if (seed % 5 == 1) toy.sampling.min_p = 0.05;
  if (seed % 5 == 2) toy.sampling.typical_p = 0.9;
  if (seed % 3 == 2) toy.sampling.frequency_penalty = 0.4;
  if (seed % 7 == 3) toy.sampling.repetition_penalty = 1.3;
  if (seed % 7 == 4) toy.sampling.presence_penalty = 0.5;
  if (seed % 4 == 3) toy.sampling.logit_bias = {{3, 1.5f}, {8, -2.f}};
  if (seed % 6 == 5) {
    toy.stop_tokens = {5, 17};
    toy.sampling.min_tokens = 11;
  }
  return toy;
}

TEST(Coupled, TheTextIsThePlainOneWhateverIsDrafted) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::int64_t accepted = 0;
    for (const float noise : {0.0f, 1.0f, 6.0f}) {
      Toy toy = varied_toy(seed, noise);
      const Tokens expected = plain_coupled_text(toy, seed);
      for (toy.window = 1; toy.window <= 9; ++toy.window) {
        TableScorer draft(toy.draft);
        ModelDrafter sampled(draft, toy.target.vocab_size());
        ArgmaxDrafter argmax(toy.draft);
        EXPECT_EQ(
            decode(toy, seed, sampled, make_acceptor("coupled"), &accepted),
            expected);
        EXPECT_EQ(decode(toy, seed, argmax, make_acceptor("coupled")),
                  expected);
      }
    }
    EXPECT_GT(accepted, 0);
  }
}

TEST(Coupled, ADraftEqualToTheTargetIsAlwaysAccepted) {
  Toy toy = varied_toy(0, 0);
  toy.max_tokens = 41;
  toy.window = 5;
  TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, toy.target.vocab_size());
  std::int64_t accepted = 0;
  decode(toy, 3, drafter, make_acceptor("coupled"), &accepted);
  EXPECT_EQ(accepted, 32);
}

// Noise keyed by the window's start, and a bonus drawn in another way: each
// must change the text.
class WrongCoupled final : public TokenAcceptor {
 public:
  WrongCoupled(bool noise_of_window, bool plain_bonus)
      : noise_of_window_(noise_of_window), plain_bonus_(plain_bonus) {}
  std::string_view name() const override { return "wrong"; }
  bool lossless() const override { return false; }
  DraftNoise draft_noise() const override { return DraftNoise::kShared; }
  Verdict accept(const Verification& v) const override {
    Verdict verdict;
    while (true) {
      const size_t i = verdict.accepted;
      const bool bonus = i == v.draft.size();
      const Token token =
          plain_bonus_ && bonus
              ? v.target[i].sample(
                    v.random.uniform(v.position + i, RandomRole::kTarget))
              : gumbel_draw(v.target[i], v.random,
                            v.position + (noise_of_window_ ? 0 : i));
      verdict.tokens.push_back(token);
      if (bonus || token != v.draft.tokens[i]) return verdict;
      ++verdict.accepted;
    }
  }

 private:
  bool noise_of_window_;
  bool plain_bonus_;
};

TEST(CoupledControl, NoiseThatDependsOnTheWindowChangesTheText) {
  int right = 0;
  int window = 0;
  int bonus = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Toy toy = varied_toy(seed, 0.5f);
    const Tokens expected = plain_coupled_text(toy, seed);
    TableScorer draft(toy.draft);
    ModelDrafter drafter(draft, toy.target.vocab_size());
    const auto differs = [&](bool a, bool b) {
      return decode(toy, seed, drafter, std::make_shared<WrongCoupled>(a, b)) !=
             expected;
    };
    right += differs(false, false);
    window += differs(true, false);
    bonus += differs(false, true);
  }
  EXPECT_EQ(right, 0);
  EXPECT_GT(window, 15);
  EXPECT_GT(bonus, 15);
}

// A draft with noise of its own is as lossless, but seldom guesses right.
TEST(Coupled, SharedNoiseIsWhatMakesDraftsAccepted) {
  class OwnNoise final : public Drafter {
   public:
    explicit OwnNoise(Drafter& drafter) : drafter_(drafter) {}
    std::vector<Draft> propose(
        std::span<const DraftRequest> requests) override {
      std::vector<DraftRequest> own(requests.begin(), requests.end());
      for (DraftRequest& request : own) request.noise = DraftNoise::kOwn;
      return drafter_.propose(own);
    }
    void commit(std::span<const PassRows> passes,
                const PassOutput& output) override {
      drafter_.commit(passes, output);
    }
    void release(SequenceKey key) override { drafter_.release(key); }

   private:
    Drafter& drafter_;
  };
  std::int64_t shared = 0;
  std::int64_t own = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Toy toy = varied_toy(0, 0.3f);
    toy.sampling.temperature = 1;
    TableScorer draft(toy.draft);
    ModelDrafter drafter(draft, toy.target.vocab_size());
    OwnNoise noisy(drafter);
    const auto acceptor = make_acceptor("coupled");
    EXPECT_EQ(decode(toy, seed, drafter, acceptor, &shared),
              decode(toy, seed, noisy, acceptor, &own));
  }
  EXPECT_GT(shared, 2 * own);
}

TEST(Typical, ThresholdIsMedusas) {
  EXPECT_DOUBLE_EQ(typical_threshold(Distribution::one_hot(3)), 0.09);
  // H = log 4, so exp(-H) = 1 / 4.
  EXPECT_NEAR(
      typical_threshold(Distribution({{0, .25}, {1, .25}, {2, .25}, {3, .25}})),
      0.075, 1e-15);
}

TEST(Typical, KeepsWhatIsLikelyEnoughAndGoesOnWithTheTarget) {
  const Distribution p({{0, 0.5}, {1, 0.42}, {2, 0.08}});
  const std::vector<Distribution> target = {p, p, Distribution::one_hot(7)};
  const auto acceptor = make_acceptor("typical");
  const Random random(1);
  const auto accepted = [&](Token x, Token y) {
    const Draft draft{{x, y}, {}};
    return acceptor->accept({draft, target, random, 4}).accepted;
  };
  EXPECT_EQ(accepted(1, 0), 2u);
  EXPECT_EQ(accepted(0, 2), 1u);
  EXPECT_EQ(accepted(2, 0), 0u);
  EXPECT_EQ(accepted(9, 0), 0u);
}

TEST(Typical, IsLossyAndSaysSo) {
  EXPECT_FALSE(make_acceptor("typical")->lossless());
  const LogitTable table(16, 8, 1);
  Toy toy(table, LogitTable::like(table, 2, 1.0f));
  toy.sampling.temperature = 1;
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  EXPECT_LT(
      test::decoded_tally(toy, 40000, target, drafter, make_acceptor("typical"))
          .p_value(test::expected_tally(toy)),
      1e-12);
}

TEST(Acceptors, AtTemperatureZeroTheyAreOneRule) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Toy toy = varied_toy(seed, 1.0f);
    toy.sampling.temperature = 0;
    const Tokens expected = plain_coupled_text(toy, 0);
    for (const std::string& name : acceptor_names()) {
      for (toy.window = 1; toy.window <= 6; ++toy.window) {
        TableScorer draft(toy.draft);
        ModelDrafter drafter(draft, toy.target.vocab_size());
        EXPECT_EQ(decode(toy, seed, drafter, make_acceptor(name)), expected)
            << name;
      }
    }
  }
}

}  // namespace
}  // namespace pilotfish
