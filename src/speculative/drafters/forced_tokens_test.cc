// What a rule leaves no choice of goes into the drafts of others: a model's is
// the same in fewer passes, copies begin and end with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "speculative/drafters/grammar_drafter.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/prediction_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/drafters/suffix_drafter.h"
#include "speculative/testing/keyed_sequence.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/toy_rule.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::KeyedSequence;
using test::LogitTable;
using test::TableScorer;
using test::Toy;
using test::ToyRule;
using testing::ElementsAre;
using testing::IsEmpty;

using Tokens = std::vector<Token>;

constexpr std::int64_t kVocab = 12;

std::unique_ptr<Drafter> chain_of(std::vector<std::unique_ptr<Drafter>> all) {
  return std::make_unique<PreferenceDrafter>(std::move(all));
}

// grammar, or model, or both; or grammar and suffix.
std::unique_ptr<Drafter> forced_chain(const std::string& names, Scorer& draft) {
  std::vector<std::unique_ptr<Drafter>> all;
  if (names.starts_with("grammar")) {
    all.push_back(std::make_unique<GrammarDrafter>());
  }
  if (names.ends_with("suffix")) {
    all.push_back(std::make_unique<SuffixDrafter>(nullptr));
  }
  if (names.ends_with("model")) {
    all.push_back(std::make_unique<ModelDrafter>(draft, kVocab));
  }
  return chain_of(std::move(all));
}

// Drafted and accepted tokens of one pass of the target.
using Window = std::pair<std::int64_t, std::int64_t>;

struct ForcedOutcome {
  Tokens text;
  std::vector<Window> windows = {};
  std::int64_t draft_passes;

  std::int64_t passes() const { return std::ssize(windows); }
};

ForcedOutcome decode(const Toy& toy, const std::string& names,
                     const char* acceptor, std::uint64_t seed,
                     bool snapshots = false) {
  TableScorer target(toy.target, 128);
  TableScorer draft(toy.draft, 128);
  test::SnapshotScorer fallen(draft);
  const auto drafter =
      forced_chain(names, snapshots ? static_cast<Scorer&>(fallen) : draft);
  SpeculativeDecoder decoder(target, *drafter, make_acceptor(acceptor));
  Sequence sequence(toy.sequence(seed));
  Sequence* const one[] = {&sequence};
  decoder.admit(sequence);
  while (!sequence.finished()) decoder.step(one);
  decoder.retire(sequence);
  ForcedOutcome outcome = {
      .text = {sequence.generated().begin(), sequence.generated().end()},
      .draft_passes = draft.passes};
  for (const IterationStats& pass : sequence.iterations()) {
    outcome.windows.emplace_back(pass.drafted, pass.accepted);
  }
  return outcome;
}

// A token of two, then five that are forced, and so on.
Toy forced_toy() {
  Toy toy(LogitTable(kVocab, 8, 1), LogitTable(kVocab, 8, 1));
  std::vector<ToyRule::Node> nodes = {{.next = {{0, 1}, {1, 1}}}};
  for (Token token = 2; token < 7; ++token) {
    const auto here = static_cast<size_t>(token - 1);
    nodes.push_back({.next = {{token, token == 6 ? 0 : here + 1}}});
  }
  toy.rule = std::make_shared<ToyRule>(std::move(nodes));
  toy.max_tokens = 37;
  toy.window = 12;
  return toy;
}

// The prompt's pass gives one token. Then a window is what is forced and the
// target's own token, or it is full: the draft is the target itself.
TEST(ForcedTokens, TakeExactlyThePassesExpected) {
  const Toy toy = forced_toy();
  const ForcedOutcome plain = decode(toy, "none", "rejection", 0);
  EXPECT_EQ(plain.passes(), 37);
  const ForcedOutcome grammar = decode(toy, "grammar", "rejection", 0);
  EXPECT_EQ(grammar.text, plain.text);
  EXPECT_EQ(grammar.windows,
            std::vector<Window>(
                {{0, 0}, {5, 5}, {5, 5}, {5, 5}, {5, 5}, {5, 5}, {5, 5}}));
  const ForcedOutcome model = decode(toy, "model", "rejection", 0);
  const ForcedOutcome both = decode(toy, "grammar,model", "rejection", 0);
  EXPECT_EQ(both.windows,
            std::vector<Window>({{0, 0}, {11, 11}, {11, 11}, {11, 11}}));
  EXPECT_EQ(both.text, plain.text);
  EXPECT_EQ(model.windows, both.windows);
  // One pass encodes the prompt. Then six tokens come out of one pass, and the
  // other five out of another.
  EXPECT_EQ(model.draft_passes, 1 + 3 * 11);
  EXPECT_EQ(both.draft_passes, 1 + 3 * 2);
}

// A rule with words of several tokens, most of which can be cut in another way:
// the last forced token of a word may be replaced.
class TwoSpellings final : public TokenRule {
 public:
  explicit TwoSpellings(std::shared_ptr<const ToyRule> rule)
      : rule_(std::move(rule)) {}

  State begin() const override { return rule_->begin(); }
  State after(const State& state, Token token) const override {
    const State next = rule_->after(state, token);
    return next != nullptr ? next : rule_->after(state, other(token));
  }
  bool may_end(const State& state) const override {
    return rule_->may_end(state);
  }
  bool must_end(const State& state) const override {
    return rule_->must_end(state);
  }
  bool allow(const State& state,
             std::vector<std::uint64_t>& allowed) const override {
    rule_->allow(state, allowed);
    allowed.resize(1);
    for (Token token = 0; token < kVocab; ++token) {
      if (rule_->after(state, token) != nullptr) {
        allowed[0] |= std::uint64_t{1} << other(token);
      }
    }
    return true;
  }
  std::string fault(const State& state) const override {
    return rule_->fault(state);
  }
  std::vector<Token> forced(const State& state, std::span<const Token> text,
                            std::int64_t most) const override {
    return rule_->forced(state, text, most);
  }

 private:
  static Token other(Token token) { return token ^ 1; }

  std::shared_ptr<const ToyRule> rule_;
};

TEST(ForcedTokens, AModelsDraftIsTheSameInFewerPasses) {
  std::int64_t with = 0;
  std::int64_t without = 0;
  for (unsigned seed = 0; seed < 240; ++seed) {
    const LogitTable target(kVocab, 8, seed);
    Toy toy(target, LogitTable::like(target, seed + 1, 1.0f));
    const auto rule = ToyRule::random(kVocab, seed);
    toy.rule = rule;
    const bool spells = seed % 2 == 1;
    if (spells) toy.rule = std::make_shared<TwoSpellings>(rule);
    toy.max_tokens = 30;
    toy.window = 2 + static_cast<std::int64_t>(seed % 7);
    toy.sampling.temperature = seed % 3 == 0 ? 0 : 1;
    if (seed % 5 > 1) toy.stop_tokens = {7};
    const char* const acceptor =
        std::vector{"coupled", "block", "rejection"}[seed % 4 % 3];
    const bool snapshots = seed % 4 == 3;
    const auto outcome = [&](const char* names) {
      return decode(toy, names, acceptor, seed, snapshots);
    };
    const ForcedOutcome both = outcome("grammar,model");
    const ForcedOutcome model = outcome("model");
    EXPECT_EQ(both.text, model.text) << seed;
    EXPECT_EQ(both.windows, model.windows) << seed;
    EXPECT_LE(both.draft_passes, model.draft_passes) << seed;
    with += both.draft_passes;
    without += model.draft_passes;
    const bool same_text =
        toy.sampling.temperature == 0 || acceptor == std::string("coupled");
    if (spells || !same_text) continue;
    const ForcedOutcome grammar = outcome("grammar");
    EXPECT_EQ(grammar.text, both.text) << seed;
    EXPECT_LE(both.passes(), grammar.passes()) << seed;
  }
  EXPECT_LT(static_cast<double>(with), 0.9 * static_cast<double>(without));
}

// A rule of a text that is known up to a choice.
std::shared_ptr<const ToyRule> line_of(const std::vector<Tokens>& places) {
  std::vector<ToyRule::Node> nodes;
  for (const Tokens& place : places) {
    ToyRule::Node& node = nodes.emplace_back();
    for (const Token token : place) node.next[token] = nodes.size();
  }
  nodes.push_back({.may_end = true});
  return std::make_shared<ToyRule>(std::move(nodes));
}

std::unique_ptr<KeyedSequence> ruled_sequence(
    const Tokens& prompt, std::shared_ptr<const TokenRule> rule,
    const Tokens& output = {}) {
  SequenceOptions options;
  options.prompt = prompt;
  options.stop_tokens = {9};
  options.rule = std::move(rule);
  options.prediction = {4, 5, 6, 7, 8};
  auto sequence = std::make_unique<KeyedSequence>(options);
  for (const Token token : output) {
    sequence->append({{token}, 0}, Origin::kBonus, 1000);
  }
  return sequence;
}

template <typename Copying>
Draft behind_forced(Copying copying, Sequence& sequence, std::int64_t length) {
  std::vector<std::unique_ptr<Drafter>> all;
  all.push_back(std::make_unique<GrammarDrafter>());
  all.push_back(std::make_unique<Copying>(std::move(copying)));
  const auto drafter = chain_of(std::move(all));
  const DraftRequest request{&sequence, length};
  return drafter->propose({&request, 1}).front();
}

TEST(ForcedTokens, CopiesGoOnBehindThemAndEndWithThem) {
  // Forced are 4 and 5; what follows them in the prompt is 6 and 8, of which
  // the rule has the 6 alone, and then 1 and 2.
  const auto rule = line_of({{4}, {5}, {6, 7}, {1}, {2}, {6, 7}});
  const auto sequence = ruled_sequence({4, 5, 6, 8, 3}, rule);
  EXPECT_THAT(behind_forced(NgramDrafter(), *sequence, 9).tokens,
              ElementsAre(4, 5, 6, 1, 2));
  EXPECT_THAT(behind_forced(SuffixDrafter(nullptr), *sequence, 9).tokens,
              ElementsAre(4, 5, 6, 1, 2));
  EXPECT_THAT(behind_forced(PredictionDrafter(), *sequence, 9).tokens,
              ElementsAre(4, 5, 6, 1, 2));
  const Tokens corpus = {4, 5, 6, 8};
  const auto other = ruled_sequence({3}, rule);
  const Draft draft =
      behind_forced(SuffixDrafter(make_corpus(corpus)), *other, 9);
  EXPECT_THAT(draft.tokens, ElementsAre(4, 5, 6, 1, 2));
  EXPECT_EQ(draft.drafter, 1u);
  EXPECT_THAT(behind_forced(NgramDrafter(), *sequence, 4).tokens,
              ElementsAre(4, 5, 6, 1));
}

TEST(ForcedTokens, ComeAloneWhereNobodyGoesOn) {
  const auto rule = line_of({{4}, {5}, {6, 7}, {1}, {2}});
  const auto begun = ruled_sequence({3}, rule);
  const Draft draft = behind_forced(NgramDrafter(), *begun, 9);
  EXPECT_THAT(draft.tokens, ElementsAre(4, 5));
  EXPECT_EQ(draft.drafter, 0u);
  // A copy that the rule does not allow is no guess.
  const auto other = ruled_sequence({4, 5, 8, 3}, rule);
  for (const Draft& found :
       {behind_forced(NgramDrafter(), *other, 9),
        behind_forced(SuffixDrafter(nullptr), *other, 9)}) {
    EXPECT_THAT(found.tokens, ElementsAre(4, 5));
    EXPECT_EQ(found.drafter, 0u);
  }
  // A choice: nothing is forced.
  const auto chooses = ruled_sequence({3}, rule, {4, 5});
  EXPECT_THAT(behind_forced(NgramDrafter(), *chooses, 9).tokens, IsEmpty());
  // To the end.
  const auto ends = ruled_sequence({3}, rule, {4, 5, 7});
  EXPECT_THAT(behind_forced(NgramDrafter(), *ends, 9).tokens,
              ElementsAre(1, 2, 9));
}

TEST(ForcedTokens, ASequenceMayLeaveThemOut) {
  const auto rule = line_of({{4}, {5}, {6, 7}});
  SequenceOptions options;
  options.prompt = {4, 5, 6, 3};
  options.rule = rule;
  options.sources = 2;  // the second alone
  KeyedSequence sequence(options);
  EXPECT_THAT(behind_forced(NgramDrafter(), sequence, 9).tokens, IsEmpty());
}

}  // namespace
}  // namespace pilotfish
