// The decoding loop under a rule: the texts are those of plain decoding with
// the rule applied by hand, whatever drafts and judges, and end where the rule
// says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "speculative/drafters/grammar_drafter.h"
#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/prediction_drafter.h"
#include "speculative/drafters/suffix_drafter.h"
#include "speculative/testing/decoder_bench.h"
#include "speculative/testing/keyed_sequence.h"
#include "speculative/testing/ruled_drafters.h"
#include "speculative/testing/toy_rule.h"

namespace pilotfish {
namespace {

using test::copy;
using test::LogitTable;
using test::TableScorer;
using test::TextByHand;
using test::Tokens;
using test::Toy;
using test::ToyRule;
using testing::HasSubstr;

constexpr std::int64_t kVocab = 12;

std::shared_ptr<const ToyRule> make_rule(std::vector<ToyRule::Node> nodes) {
  return std::make_shared<ToyRule>(std::move(nodes));
}

// A rule and a toy that keeps to it; everything about them differs with the
// seed.
struct RandomRuledToy {
  std::shared_ptr<const ToyRule> rule;
  Toy toy;

  explicit RandomRuledToy(unsigned seed)
      : rule(ToyRule::random(kVocab, seed)),
        toy(LogitTable(kVocab, 8, seed),
            LogitTable::like(LogitTable(kVocab, 8, seed), seed + 1,
                             seed % 2 == 0 ? 0.5f : 2.0f)) {
    toy.max_tokens = 14;
    toy.rule = rule;
    if (seed % 3 == 1) toy.stop_tokens = {3};
    if (seed % 3 == 2) toy.stop_tokens = {7, 2, 9};
    if (seed % 5 == 0) toy.sampling.frequency_penalty = 0.5;
    if (seed % 7 == 0) toy.sampling.min_tokens = 3;
  }
};

// Plain greedy or, at other temperatures, coupled decoding.
Tokens plain_ruled_text(const RandomRuledToy& it, std::uint64_t seed) {
  TextByHand text(it.toy, *it.rule);
  const Random random(seed);
  while (!text.ended()) {
    const Distribution p = text.next(it.toy.target);
    if (p.empty()) break;
    text.push(gumbel_draw(p, random, static_cast<std::uint64_t>(text.size())));
  }
  return text.text();
}

const std::string kRuledDrafters[] = {"model",   "tree",       "suffix",
                                      "ngram",   "prediction", "grammar",
                                      "unruled", "all"};

// Runs sequences together; those that fail end like the others.
void run_all(SpeculativeDecoder& decoder,
             const std::vector<std::unique_ptr<Sequence>>& sequences) {
  std::vector<Sequence*> active;
  for (const auto& sequence : sequences) {
    if (sequence->finished()) continue;
    decoder.admit(*sequence);
    active.push_back(sequence.get());
  }
  while (!active.empty()) {
    decoder.step(active);
    std::erase_if(active, [&](Sequence* sequence) {
      if (!sequence->finished()) return false;
      decoder.retire(*sequence);
      return true;
    });
  }
}

// The texts of eight random rules in one batch. Returns how many tokens they
// have.
std::int64_t expect_plain_ruled_texts(unsigned first, double temperature,
                                      const std::string& drafter_name) {
  std::vector<RandomRuledToy> toys;
  for (unsigned i = 0; i < 8; ++i) {
    // All share the first one's model.
    toys.emplace_back(first + i);
    toys.back().toy.target = toys.front().toy.target;
    toys.back().toy.draft = toys.front().toy.draft;
    toys.back().toy.sampling.temperature = temperature;
  }
  TableScorer target(toys.front().toy.target);
  TableScorer draft(toys.front().toy.draft);
  const auto drafter =
      test::ruled_drafter(drafter_name, draft, toys.front().toy);
  SpeculativeDecoder decoder(target, *drafter, make_acceptor("coupled"));
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (RandomRuledToy& it : toys) {
    const std::uint64_t seed = first + sequences.size();
    it.toy.window = 1 + static_cast<std::int64_t>(seed % 6);
    SequenceOptions options = it.toy.sequence(seed);
    options.prediction = plain_ruled_text(it, seed);
    // So that the rule and not the copy decides somewhere.
    if (options.prediction.size() > 4) options.prediction[4] = 1;
    sequences.push_back(std::make_unique<Sequence>(options));
  }
  run_all(decoder, sequences);
  std::int64_t tokens = 0;
  for (size_t i = 0; i < toys.size(); ++i) {
    const std::uint64_t seed = first + i;
    EXPECT_EQ(copy(sequences[i]->generated()), plain_ruled_text(toys[i], seed))
        << drafter_name << ", rule " << seed << ", window "
        << toys[i].toy.window;
    const auto& failure = sequences[i]->failure();
    EXPECT_TRUE(!failure || failure->is_usage) << failure->text;
    tokens += sequences[i]->generated_size();
  }
  return tokens;
}

TEST(Constrained, GreedyAndCoupledTextsAreThePlainOnes) {
  std::int64_t tokens = 0;
  for (unsigned first = 0; first < 1000; first += 8) {
    const std::string& drafter = kRuledDrafters[first / 8 % 8];
    tokens += expect_plain_ruled_texts(first, 0, drafter);
    tokens += expect_plain_ruled_texts(first, 1, drafter);
  }
  EXPECT_GT(tokens, 10'000);
}

// Three tokens at most, then the end; token 2 is text and ends it too.
const std::vector<ToyRule::Node> kShort = {
    {.next = {{0, 1}, {1, 1}, {4, 1}}},
    {.next = {{2, 2}, {5, 2}}, .may_end = true},
    {.next = {{1, 3}, {6, 3}}},
    {.may_end = true},
};

Toy short_toy() {
  Toy toy = test::small_toy();
  toy.rule = make_rule(kShort);
  toy.stop_tokens = {2};
  toy.sampling.temperature = 1;
  toy.max_tokens = 4;
  return toy;
}

struct RuledOutcome {
  Tokens text;
  std::optional<FinishReason> reason = {};
  std::string failure = {};
  bool is_usage = false;
};

RuledOutcome generate_ruled(const Toy& toy,
                            const std::string& acceptor = "block",
                            const std::string& drafter_name = "model") {
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  const auto drafter = test::ruled_drafter(drafter_name, draft, toy);
  SpeculativeDecoder decoder(target, *drafter,
                             acceptor == "synthetic"
                                 ? make_synthetic_acceptor(1)
                                 : make_acceptor(acceptor));
  std::vector<std::unique_ptr<Sequence>> one;
  one.push_back(std::make_unique<Sequence>(toy.sequence(3)));
  run_all(decoder, one);
  RuledOutcome outcome = {.text = copy(one[0]->generated())};
  if (const auto& failure = one[0]->failure()) {
    outcome.failure = failure->text;
    outcome.is_usage = failure->is_usage;
  } else {
    outcome.reason = one[0]->finish_reason();
  }
  return outcome;
}

TEST(Constrained, AnEndTokenIsForcedWhereNothingElseCanCome) {
  Toy toy = test::small_toy();
  toy.rule = make_rule({{.next = {{5, 1}}}, {.may_end = true}});
  toy.stop_tokens = {9};
  const RuledOutcome outcome = generate_ruled(toy);
  EXPECT_EQ(outcome.text, (Tokens{5, 9}));
  EXPECT_EQ(outcome.reason, FinishReason::kStopToken);
}

TEST(Constrained, WithoutEndTokensTheTextEndsWhereTheRuleDoes) {
  Toy toy = test::small_toy();
  toy.rule = make_rule({{.next = {{5, 1}}}, {.may_end = true}});
  const RuledOutcome outcome = generate_ruled(toy);
  EXPECT_EQ(outcome.text, Tokens{5});
  EXPECT_EQ(outcome.reason, FinishReason::kStopToken);
  // Where it may go on it does.
  toy.rule =
      make_rule({{.next = {{5, 1}}}, {.next = {{6, 0}}, .may_end = true}});
  EXPECT_EQ(generate_ruled(toy).text.size(), 20u);
  EXPECT_EQ(generate_ruled(toy).reason, FinishReason::kMaxTokens);
  // A rule of the empty text alone leaves nothing to generate.
  toy.rule = make_rule({{.may_end = true}});
  EXPECT_EQ(generate_ruled(toy).text, Tokens{});
  EXPECT_EQ(generate_ruled(toy).reason, FinishReason::kStopToken);
  toy.stop_tokens = {9};
  EXPECT_EQ(generate_ruled(toy).text, Tokens{9});
}

TEST(Constrained, AnEndTokenThatIsTextComesAsText) {
  Toy toy = test::small_toy();
  toy.rule = make_rule({{.next = {{5, 1}}}, {.next = {{9, 1}}}});
  toy.stop_tokens = {9};
  EXPECT_EQ(generate_ruled(toy).text, (Tokens{5, 9}));
  EXPECT_EQ(generate_ruled(toy).reason, FinishReason::kStopToken);
  // What is banned as an end token does not come as text either.
  toy.sampling.min_tokens = 3;
  EXPECT_EQ(generate_ruled(toy).text, Tokens{5});
  EXPECT_TRUE(generate_ruled(toy).is_usage);
}

TEST(Constrained, WhatLeavesNoTokenIsNamed) {
  Toy toy = test::small_toy();
  toy.rule = make_rule({{.next = {{5, 1}, {6, 1}}}, {.may_end = true}});
  toy.stop_tokens = {9};
  toy.sampling.min_tokens = 4;
  RuledOutcome outcome = generate_ruled(toy);
  EXPECT_TRUE(outcome.is_usage);
  EXPECT_EQ(outcome.text.size(), 1u);
  EXPECT_EQ(outcome.failure,
            "position 3: no token can come next with min_tokens and the "
            "constraint");

  toy.sampling = {};
  toy.sampling.allowed_tokens = {0, 5, 9};
  EXPECT_EQ(generate_ruled(toy).text, (Tokens{5, 9}));
  toy.sampling.banned_tokens = {5};
  toy.sampling.logit_bias = {{0, 3e38f}};
  outcome = generate_ruled(toy);
  EXPECT_EQ(outcome.text, Tokens{});
  EXPECT_EQ(outcome.failure,
            "position 2: no token can come next with allowed_tokens, "
            "banned_tokens, logit_bias and the constraint");

  toy.sampling = {};
  toy.rule = make_rule({{.next = {{5, 1}}}, {}});
  outcome = generate_ruled(toy);
  EXPECT_TRUE(outcome.is_usage);
  EXPECT_EQ(outcome.failure,
            "position 3: the constraint: nothing can come next");
}

TEST(Constrained, ATextThatIsCutSaysSo) {
  Toy toy = test::small_toy();
  toy.rule = make_rule({{.next = {{5, 1}}}, {.next = {{6, 0}}}});
  toy.max_tokens = 5;
  EXPECT_EQ(generate_ruled(toy).text, (Tokens{5, 6, 5, 6, 5}));
  EXPECT_EQ(generate_ruled(toy).reason, FinishReason::kMaxTokens);
}

// Takes what is drafted, and adds token 1.
class TakesAll final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "takes all"; }
  bool lossless() const override { return false; }
  Verdict accept(const Verification& verification) const override {
    Verdict verdict = {verification.draft.tokens, verification.draft.size()};
    verdict.tokens.push_back(1);
    return verdict;
  }
};

TEST(Constrained, AnAcceptorThatTakesWhatIsExcludedFailsItsSequenceAlone) {
  Toy toy = short_toy();
  toy.sampling.temperature = 0;
  toy.rule = make_rule({{.next = {{5, 0}}}});
  toy.max_tokens = 9;
  TableScorer target(toy.target);
  test::ArgmaxDrafter drafter(toy.draft);
  SpeculativeDecoder decoder(target, drafter, make_acceptor("block"));
  for (const bool takes_drafted : {true, false}) {
    std::vector<std::unique_ptr<Sequence>> two;
    two.push_back(std::make_unique<Sequence>(toy.sequence(0)));
    SequenceOptions options = toy.sequence(0);
    options.acceptor = std::make_shared<TakesAll>();
    if (!takes_drafted) options.window = 1;
    two.push_back(std::make_unique<Sequence>(options));
    run_all(decoder, two);
    EXPECT_EQ(copy(two[0]->generated()), Tokens(9, 5));
    EXPECT_FALSE(two[0]->failure());
    ASSERT_TRUE(two[1]->failure());
    EXPECT_FALSE(two[1]->failure()->is_usage);
    EXPECT_THAT(
        two[1]->failure()->text,
        testing::StartsWith("acceptor takes all: its verdict has token "));
    EXPECT_THAT(two[1]->failure()->text,
                HasSubstr("which the constraint does not allow"));
  }
  EXPECT_EQ(generate_ruled(toy, "typical", "unruled").text, Tokens(9, 5));
  EXPECT_THAT(generate_ruled(toy, "synthetic", "unruled").failure,
              HasSubstr("acceptor synthetic: its verdict has token"));
  EXPECT_EQ(generate_ruled(toy, "synthetic", "model").text, Tokens(9, 5));
}

TEST(Constrained, ProposalsBehindAnExcludedTokenHaveNoProbability) {
  Toy toy = short_toy();
  toy.rule = make_rule({{.next = {{5, 0}}}});
  toy.draft = LogitTable(16, 1, 4);  // always the same token, not 5
  toy.max_tokens = 9;
  TableScorer target(toy.target);
  test::ArgmaxDrafter drafter(toy.draft);
  SpeculativeDecoder decoder(target, drafter, make_acceptor("block"));
  SequenceOptions options = toy.sequence(0);
  options.keep_proposals = true;
  std::vector<std::unique_ptr<Sequence>> one;
  one.push_back(std::make_unique<Sequence>(options));
  run_all(decoder, one);
  for (const IterationStats& iteration : one[0]->iterations()) {
    for (const Proposal& proposal : iteration.proposals) {
      EXPECT_NE(proposal.token, 5);
      EXPECT_EQ(proposal.target_probability, 0);
    }
  }
}

TEST(Constrained, ResumedTextsGoOnWhereTheRuleStands) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    const RandomRuledToy it(seed);
    const Tokens whole = plain_ruled_text(it, seed);
    for (size_t kept = 0; kept <= whole.size(); ++kept) {
      SequenceOptions options = it.toy.sequence(seed);
      options.resumed = Tokens(whole.begin(), whole.begin() + kept);
      test::Bench bench(it.toy);
      std::vector<std::unique_ptr<Sequence>> one;
      one.push_back(std::make_unique<Sequence>(options));
      run_all(bench.decoder, one);
      EXPECT_EQ(copy(one[0]->generated()), whole) << seed;
    }
  }
}

TEST(Constrained, ResumedTextsThatBreakTheRuleAreRefused) {
  Toy toy = test::small_toy();
  toy.rule = make_rule({{.next = {{5, 1}}}, {.may_end = true}});
  const auto refusal = [&](Tokens resumed) -> std::string {
    SequenceOptions options = toy.sequence(0);
    options.resumed = std::move(resumed);
    try {
      return Sequence(options).finished() ? "finished" : "goes on";
    } catch (const UsageError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refusal({}), "goes on");
  EXPECT_EQ(refusal({5}), "finished");
  EXPECT_EQ(refusal({6}), "resumed: token 6 at place 0 breaks the constraint");
  EXPECT_EQ(refusal({5, 5}),
            "resumed: token 5 at place 1 breaks the constraint");
  toy.stop_tokens = {9};
  EXPECT_EQ(refusal({5}), "goes on");
  EXPECT_EQ(refusal({5, 9}), "finished");
  EXPECT_EQ(refusal({9}), "resumed: token 9 at place 0 breaks the constraint");
}

Draft proposal_of(Drafter& drafter, const SequenceOptions& options,
                  std::int64_t length) {
  const test::KeyedSequence sequence(options);
  const DraftRequest request = {.sequence = &sequence, .length = length};
  return drafter.propose({&request, 1}).front();
}

TEST(Constrained, CopiesEndBeforeWhatTheRuleExcludes) {
  Toy toy = test::small_toy();
  toy.prompt = {1, 2, 5, 6, 7, 1, 2};
  NgramDrafter ngram;
  SuffixDrafter suffix(nullptr);
  SuffixDrafter corpus(make_corpus(Tokens{3, 1, 2, 5, 6, 7, 8}));
  PredictionDrafter prediction;
  for (Drafter* const drafter :
       std::initializer_list<Drafter*>{&ngram, &suffix, &corpus, &prediction}) {
    SequenceOptions options = toy.sequence(0);
    options.prediction = {5, 6, 7, 8};
    if (drafter == &corpus) options.prompt = {1, 2};
    EXPECT_GE(proposal_of(*drafter, options, 4).size(), 4u);
    options.rule = make_rule({{.next = {{5, 1}}},
                              {.next = {{6, 2}}, .may_end = true},
                              {.next = {{8, 2}}}});
    EXPECT_EQ(proposal_of(*drafter, options, 4).tokens, (Tokens{5, 6}));
    EXPECT_EQ(proposal_of(*drafter, options, 1).tokens, Tokens{5});
    options.rule = make_rule({{.next = {{8, 0}}}});
    EXPECT_EQ(proposal_of(*drafter, options, 4).tokens, Tokens{});
    // Token 6 as an end token, where it may come and where it may not.
    options.rule = make_rule({{.next = {{5, 1}}}, {.may_end = true}});
    EXPECT_EQ(proposal_of(*drafter, options, 4).tokens, Tokens{5});
    options.stop_tokens = {6};
    EXPECT_EQ(proposal_of(*drafter, options, 4).tokens, (Tokens{5, 6}));
    options.rule = make_rule({{.next = {{5, 1}}}, {.next = {{8, 1}}}});
    EXPECT_EQ(proposal_of(*drafter, options, 4).tokens, Tokens{5});
  }
}

TEST(GrammarDrafter, ProposesWhatIsForced) {
  Toy toy = test::small_toy();
  GrammarDrafter drafter;
  SequenceOptions options = toy.sequence(0);
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, Tokens{});
  options.rule = make_rule({{.next = {{5, 1}}},
                            {.next = {{6, 2}}},
                            {.next = {{7, 3}, {8, 3}}},
                            {.next = {{5, 4}}},
                            {.may_end = true}});
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, (Tokens{5, 6}));
  EXPECT_EQ(proposal_of(drafter, options, 1).tokens, Tokens{5});
  EXPECT_EQ(proposal_of(drafter, options, 0).tokens, Tokens{});
  EXPECT_TRUE(proposal_of(drafter, options, 4).probs.empty());
  options.resumed = {5, 6};
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, Tokens{});
  options.resumed = {5, 6, 8};
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, Tokens{5});
  options.stop_tokens = {9};
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, (Tokens{5, 9}));
  EXPECT_EQ(proposal_of(drafter, options, 1).tokens, Tokens{5});
  options.resumed = {5, 6, 8, 5};
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, Tokens{9});
  // Which of two comes is not forced, nor is an end that has to wait.
  options.stop_tokens = {9, 10};
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, Tokens{});
  options.stop_tokens = {9};
  options.sampling.min_tokens = 5;
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, Tokens{});
  options.sampling.min_tokens = 4;
  EXPECT_EQ(proposal_of(drafter, options, 4).tokens, Tokens{9});
}

// One pass emits all that is forced, with the draft model behind it or not.
TEST(GrammarDrafter, SavesPasses) {
  Toy toy = test::small_toy();
  toy.rule = make_rule({{.next = {{5, 1}}},
                        {.next = {{6, 2}}},
                        {.next = {{7, 3}}},
                        {.may_end = true}});
  toy.stop_tokens = {9};
  toy.window = 4;
  TableScorer target(toy.target);
  GrammarDrafter drafter;
  SpeculativeDecoder decoder(target, drafter, make_acceptor("block"));
  std::vector<std::unique_ptr<Sequence>> one;
  one.push_back(std::make_unique<Sequence>(toy.sequence(0)));
  run_all(decoder, one);
  EXPECT_EQ(copy(one[0]->generated()), (Tokens{5, 6, 7, 9}));
  EXPECT_EQ(target.passes, 2);  // the prompt's gives the first token
}

}  // namespace
}  // namespace pilotfish
