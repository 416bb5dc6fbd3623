// Trees through the real decoder, over toy models: which trees are drafted,
// that no text changes, and that every distribution is the target's.

#include "speculative/drafters/tree_drafter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/window.h"
#include "speculative/keyed_chance.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/trials.h"
#include "speculative/testing/windows.h"
#include "speculative/window/adaptive_window.h"

namespace pilotfish {
namespace {

using test::kCaught;
using test::kControlTrials;
using test::kLevel;
using test::kTrials;
using test::LogitTable;
using test::TableScorer;
using test::Toy;
using Tokens = std::vector<Token>;

Toy toy_with(float noise, double temperature) {
  const LogitTable target(16, 8, 1);
  Toy toy(target, LogitTable::like(target, 2, noise));
  toy.sampling.temperature = temperature;
  toy.max_tokens = 24;
  toy.window = 8;
  return toy;
}

// Proposes random trees of random tokens, some of them what the draft finds
// most probable.
class RandomTreeDrafter final : public Drafter {
 public:
  RandomTreeDrafter(const LogitTable& table, unsigned seed)
      : table_(table), random_(seed) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    std::vector<Draft> drafts;
    for (const DraftRequest& request : requests) {
      drafts.push_back(request.length == 0 ? Draft{} : draw(request));
      branched += drafts.back().is_tree();
    }
    return drafts;
  }

  int branched = 0;

 private:
  Draft draw(const DraftRequest& request) {
    Draft draft;
    std::vector<Tokens> paths;
    const Tokens text(request.sequence->tokens().begin(),
                      request.sequence->tokens().end());
    for (std::int64_t i = 0; i < request.tree_size; ++i) {
      const auto parent =
          static_cast<std::int32_t>(random_() % (draft.size() + 1)) - 1;
      Tokens path = parent < 0 ? Tokens() : paths[static_cast<size_t>(parent)];
      if (std::ssize(path) == request.length) continue;
      Tokens prefix = text;
      prefix.insert(prefix.end(), path.begin(), path.end());
      const std::span<const float> row = table_.row(prefix);
      const auto best =
          static_cast<Token>(std::ranges::max_element(row) - row.begin());
      Token token =
          random_() % 2 == 0 ? best : static_cast<Token>(random_() % 16);
      while (draft.child_with(parent, token) >= 0) token = (token + 1) % 16;
      path.push_back(token);
      paths.push_back(path);
      draft.tokens.push_back(token);
      draft.parents.push_back(parent);
    }
    return draft;
  }

  const LogitTable& table_;
  std::mt19937 random_;
};

// Every text of a few sequences that are decoded together, and that the
// target's cache holds what it should after each step.
std::vector<Tokens> texts(const Toy& toy, TableScorer& target, Drafter& drafter,
                          const std::string& acceptor, std::uint64_t count,
                          const DecoderOptions& options = {}) {
  SpeculativeDecoder decoder(target, drafter, make_acceptor(acceptor), options);
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    sequences.push_back(std::make_unique<Sequence>(toy.sequence(seed)));
    decoder.admit(*sequences.back());
  }
  while (true) {
    std::vector<Sequence*> active;
    for (const auto& sequence : sequences) {
      if (!sequence->finished()) active.push_back(sequence.get());
    }
    if (active.empty()) break;
    decoder.step(active);
    for (const Sequence* sequence : active) {
      const Tokens expected(sequence->tokens().begin(),
                            sequence->tokens().end() - 1);
      EXPECT_EQ(target.cached(sequence->target_id), expected);
    }
  }
  std::vector<Tokens> result;
  for (const auto& sequence : sequences) {
    result.emplace_back(sequence->generated().begin(),
                        sequence->generated().end());
    decoder.retire(*sequence);
  }
  return result;
}

struct Variation {
  const char* name;
  void (*apply)(Toy&);
  std::int64_t n_positions = 64;
};

const Variation kVariations[] = {
    {"plain", [](Toy&) {}},
    {"penalties",
     [](Toy& toy) {
       toy.sampling.repetition_penalty = 1.5;
       toy.sampling.frequency_penalty = 0.5;
       toy.sampling.penalty_window = 6;
     }},
    {"stop tokens",
     [](Toy& toy) {
       toy.stop_tokens = {3, 9, 12};
     }},
    {"bad words",
     [](Toy& toy) {
       toy.sampling.bad_words = {{2, 7}, {1, 3}, {3, 3}, {9, 0, 12}};
     }},
    {"short", [](Toy& toy) { toy.max_tokens = 3; }},
    {"full cache", [](Toy&) {}, 15},
};

TEST(TreeDecoder, NoTreeChangesAGreedyOrCoupledText) {
  int branched = 0;
  for (const Variation& variation : kVariations) {
    for (const double temperature : {0.0, 1.0}) {
      for (const float noise : {0.3f, 2.0f}) {
        Toy toy = toy_with(noise, temperature);
        variation.apply(toy);
        const char* acceptor = temperature == 0 ? "block" : "coupled";
        TableScorer target(toy.target, variation.n_positions);
        NoDrafter none;
        const auto plain = texts(toy, target, none, acceptor, 6);
        for (unsigned seed = 0; seed < 4; ++seed) {
          RandomTreeDrafter drafter(toy.draft, seed);
          EXPECT_EQ(texts(toy, target, drafter, acceptor, 6), plain)
              << variation.name << ", temperature " << temperature;
          branched += drafter.branched;
        }
        for (const std::int64_t width : {1, 2, 3, 16}) {
          for (const std::int64_t window : {2, 4, 8}) {
            toy.window = window;
            TableScorer draft(toy.draft, variation.n_positions);
            TreeDrafter drafter(draft, 16, width, 3);
            EXPECT_EQ(texts(toy, target, drafter, acceptor, 6), plain)
                << variation.name << ", temperature " << temperature
                << ", width " << width << ", window " << window;
            EXPECT_EQ(draft.in_use(), 0u);
          }
        }
      }
    }
  }
  EXPECT_GT(branched, 500);
}

// The policy gives a tree its tokens, and each iteration another number.
TEST(TreeDecoder, NoWindowPolicyChangesAGreedyOrCoupledText) {
  for (const Variation& variation : kVariations) {
    for (const double temperature : {0.0, 1.0}) {
      Toy toy = toy_with(1, temperature);
      variation.apply(toy);
      const char* acceptor = temperature == 0 ? "block" : "coupled";
      TableScorer target(toy.target, variation.n_positions);
      NoDrafter none;
      const auto plain = texts(toy, target, none, acceptor, 6);
      toy.window = kAutoWindow;
      for (unsigned seed = 0; seed < 6; ++seed) {
        const DecoderOptions wild = {
            .policy = std::make_shared<test::WildWindow>(seed)};
        const DecoderOptions adaptive = {
            .policy = std::make_shared<AdaptiveWindow>(1)};
        for (const DecoderOptions& options : {wild, adaptive}) {
          TableScorer draft(toy.draft, variation.n_positions);
          TreeDrafter drafter(draft, 16, 3, 3);
          EXPECT_EQ(texts(toy, target, drafter, acceptor, 6, options), plain)
              << variation.name << ", temperature " << temperature;
          EXPECT_EQ(draft.in_use(), 0u);
        }
      }
    }
  }
}

// A draft that is the target: what it drew first at each place is accepted, so
// no token is the target's correction, unless its cache went wrong.
TEST(TreeDecoder, TheTargetAsItsOwnDraftIsNeverCorrected) {
  for (const char* acceptor : {"rejection", "block", "coupled"}) {
    for (const double temperature : {0.0, 1.0}) {
      Toy toy = toy_with(0, temperature);
      toy.max_tokens = 40;
      TableScorer target(toy.target);
      TableScorer draft(toy.draft);
      TreeDrafter drafter(draft, 16, 3);
      SpeculativeDecoder decoder(target, drafter, make_acceptor(acceptor));
      for (std::uint64_t seed = 0; seed < 10; ++seed) {
        Sequence sequence(toy.sequence(seed));
        decoder.admit(sequence);
        Sequence* one = &sequence;
        while (!sequence.finished()) decoder.step({&one, 1});
        decoder.retire(sequence);
        EXPECT_EQ(std::ranges::count(sequence.origins(), Origin::kRecovered), 0)
            << acceptor << ", temperature " << temperature;
      }
    }
  }
}

// Whatever branched, the draft's cache then holds the text and nothing else.
TEST(TreeDecoder, TheDraftKeepsThePathThatWasAccepted) {
  for (const double temperature : {0.0, 1.0}) {
    Toy toy = toy_with(0, temperature);
    toy.max_tokens = 40;
    toy.window = 8;
    TableScorer target(toy.target);
    TableScorer draft(LogitTable::like(toy.target, 5, 1.5f));
    TreeDrafter drafter(draft, 16, 3);
    SpeculativeDecoder decoder(target, drafter, make_acceptor("rejection"));
    Sequence sequence(toy.sequence(3));
    decoder.admit(sequence);
    Sequence* one = &sequence;
    while (!sequence.finished()) {
      decoder.step({&one, 1});
      const Tokens& cached = draft.cached(0);
      ASSERT_LT(std::ssize(cached), sequence.size());
      ASSERT_TRUE(
          std::ranges::equal(cached, sequence.tokens().first(cached.size())));
    }
    std::int64_t branched = 0;
    for (const auto& iteration : sequence.iterations()) {
      branched += iteration.drafted > iteration.places();
    }
    EXPECT_GT(branched, 5) << "temperature " << temperature;
  }
}

TEST(TreeDecoder, LogprobsAndProposalsFollowThePath) {
  Toy toy = toy_with(1, 0);
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  TreeDrafter drafter(draft, 16, 3);
  SpeculativeDecoder decoder(target, drafter, make_acceptor("rejection"));
  SequenceOptions options = toy.sequence(0);
  options.logprobs = 2;
  options.keep_proposals = true;
  Sequence sequence(options);
  decoder.admit(sequence);
  Sequence* one = &sequence;
  while (!sequence.finished()) decoder.step({&one, 1});
  ASSERT_EQ(sequence.logprobs().size(), sequence.generated().size());
  for (size_t i = 0; i < sequence.generated().size(); ++i) {
    // Greedy: the emitted token is the most probable one of its own row.
    EXPECT_EQ(sequence.logprobs()[i].top[0].token, sequence.generated()[i]);
    EXPECT_EQ(sequence.logprobs()[i].top[0].logprob,
              sequence.logprobs()[i].logprob);
  }
  for (const IterationStats& iteration : sequence.iterations()) {
    ASSERT_EQ(std::ssize(iteration.proposals), iteration.drafted);
    EXPECT_LE(iteration.tree_depth, iteration.drafted);
    EXPECT_LE(iteration.accepted, iteration.places());
    std::int64_t certain = 0;  // by the target
    for (const Proposal& proposal : iteration.proposals) {
      certain += proposal.target_probability == 1;
    }
    EXPECT_GE(certain, iteration.accepted);
  }
}

// Whether the draft is sure of its first guesses counts at first, and whether
// it is right about them later on.
TEST(TreeDraft, IsAChainWhereTheDraftIsRightAndWideWhereItIsNot) {
  const auto branches = [](unsigned seed, float spread) {
    Toy toy(LogitTable(16, 8, 1), LogitTable(16, 8, seed, spread));
    toy.max_tokens = 100;
    toy.window = 8;
    TableScorer target(toy.target);
    TableScorer draft(toy.draft);
    TreeDrafter drafter(draft, 16, 4);
    SpeculativeDecoder decoder(target, drafter, make_acceptor("block"));
    Sequence sequence(toy.sequence(0));
    decoder.admit(sequence);
    Sequence* one = &sequence;
    std::int64_t off_the_longest_path = 0;
    while (!sequence.finished()) decoder.step({&one, 1});
    for (const IterationStats& iteration : sequence.iterations()) {
      off_the_longest_path += iteration.drafted - iteration.places();
    }
    return off_the_longest_path;
  };
  EXPECT_EQ(branches(1, 50), 0);
  EXPECT_LT(branches(1, 0.2f), 20);
  EXPECT_GT(branches(2, 0.2f), 100);
}

TEST(TreeTrust, FollowsTheVerdicts) {
  TreeTrust trust;
  EXPECT_NEAR(trust.first(0.5), 1 - 0.25 * 0.5, 1e-9);
  EXPECT_NEAR(trust.later(0.25), 0.25, 1e-9);
  for (int i = 0; i < 200; ++i) {
    trust.judge_first(0.5, i % 10 != 0);
    trust.judge_later(0.25, i % 2 == 0);
  }
  EXPECT_NEAR(trust.first(0.5), 0.9, 0.02);
  EXPECT_NEAR(trust.first(0.75), 0.95, 0.01);
  EXPECT_NEAR(trust.later(0.25), 0.5, 0.05);
  EXPECT_EQ(trust.later(0.9), 1);
  for (int i = 0; i < 200; ++i) trust.judge_first(0.5, false);
  EXPECT_EQ(trust.first(0.25), 0.25);  // no worse than the draft says
}

TEST(TreeDrafter, RefusesAWidthOfNothing) {
  TableScorer draft{LogitTable(16, 8, 1)};
  EXPECT_THROW(TreeDrafter(draft, 16, 0), UsageError);
}

// Siblings all at one place, and along a path, draw different numbers; a chain
// draws those it always did.
TEST(TreeDraft, EveryTokenOfATreeHasItsOwnNumber) {
  std::vector<std::uint32_t> indices;
  for (size_t place = 0; place < 16; ++place) {
    EXPECT_EQ(draft_index(place, 0), place);
    for (size_t branch = 0; branch < 16; ++branch) {
      indices.push_back(draft_index(place, branch));
    }
  }
  std::ranges::sort(indices);
  EXPECT_EQ(std::ranges::adjacent_find(indices), indices.end());
}

// χ², as in statistical_test.cc.

struct Processors {
  const char* name;
  void (*apply)(Toy&);
};

const Processors kProcessors[] = {
    {"Plain", [](Toy&) {}},
    {"All",
     [](Toy& toy) {
       toy.sampling.temperature = 1.3;
       toy.sampling.top_k = 12;
       toy.sampling.top_p = 0.95;
       toy.sampling.repetition_penalty = 1.2;
       toy.sampling.frequency_penalty = 0.5;
       toy.stop_tokens = {2, 9};
     }},
};

double p_value(const Toy& toy, std::uint64_t trials, std::int64_t width,
               std::shared_ptr<const TokenAcceptor> acceptor,
               const DecoderOptions& options = {}) {
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  TreeDrafter drafter(draft, 16, width);
  return test::decoded_tally(toy, trials, target, drafter, std::move(acceptor),
                             options)
      .p_value(test::expected_tally(toy));
}

Toy statistical_toy() {
  Toy toy = toy_with(1, 1);
  toy.max_tokens = 5;
  toy.window = 6;
  return toy;
}

TEST(TreeStatistics, TheDistributionIsTheTargets) {
  for (const Processors& processors : kProcessors) {
    Toy toy = statistical_toy();
    processors.apply(toy);
    EXPECT_GT(p_value(toy, kTrials, 3, make_acceptor("rejection")), kLevel)
        << processors.name;
  }
}

TEST(TreeStatistics, TheDistributionUnderAWindowPolicyIsTheTargets) {
  Toy toy = statistical_toy();
  toy.window = kAutoWindow;
  EXPECT_GT(p_value(toy, kTrials, 3, make_acceptor("rejection"),
                    {.policy = std::make_shared<test::WildWindow>(1)}),
            kLevel);
}

// Judges every sibling by the target's own distribution.
class ForgetsRejections final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "forgets"; }
  bool lossless() const override { return false; }
  bool takes_trees() const override { return true; }
  Verdict accept(const Verification& it) const override {
    const KeyedChance chance(it.random, it.position);
    Verdict verdict;
    std::int32_t at = -1;
    while (true) {
      const Distribution& p = it.target[static_cast<size_t>(at + 1)];
      std::int32_t child = it.draft.next_child(at, static_cast<size_t>(at + 1));
      size_t rejected = 0;
      Distribution left = p;
      while (child >= 0) {
        const auto i = static_cast<size_t>(child);
        const double q = it.draft.proposed(i);
        const double ratio = p.probability(it.draft.tokens[i]) / q;
        if (chance.accepts(ratio, verdict.accepted, rejected++)) break;
        left = residual(p, it.draft.probs[i]);
        child = it.draft.next_child(at, i + 1);
      }
      if (child < 0) {
        verdict.tokens.push_back(
            chance.draw(left, verdict.accepted, RandomRole::kRecovered));
        return verdict;
      }
      verdict.tokens.push_back(it.draft.tokens[static_cast<size_t>(child)]);
      ++verdict.accepted;
      at = child;
    }
  }
};

TEST(TreeStatisticsControl, AnAcceptorThatForgetsRejectionsIsCaught) {
  EXPECT_LT(p_value(statistical_toy(), kControlTrials, 3,
                    std::make_shared<ForgetsRejections>()),
            kCaught);
}

}  // namespace
}  // namespace pilotfish
