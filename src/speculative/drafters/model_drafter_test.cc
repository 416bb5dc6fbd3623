// What the draft model's cache holds of a sequence that it does not follow all
// the time.

#include "speculative/drafters/model_drafter.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "pilotfish/window.h"
#include "speculative/testing/keyed_sequence.h"
#include "speculative/testing/toy.h"
#include "speculative/window_policy.h"

namespace pilotfish {
namespace {

using test::LogitTable;
using test::TableScorer;
using test::Toy;

using Tokens = std::vector<Token>;

constexpr std::int64_t kPositions = 400;

Toy toy() {
  const LogitTable target(16, 8, 1);
  Toy toy(target, LogitTable::like(target, 2, 0.5f));
  toy.max_tokens = 300;
  return toy;
}

// The first token of a text, and those from index `from` on.
Tokens shortened(std::span<const Token> text, size_t from) {
  Tokens tokens = {text.front()};
  tokens.insert(tokens.end(), text.begin() + static_cast<long>(from),
                text.end());
  return tokens;
}

TEST(ModelDrafter, MakesDoWithAShortContextWhereItIsFarBehind) {
  const Toy toy = ::pilotfish::toy();
  TableScorer scorer(toy.draft, kPositions);
  ModelDrafter drafter(scorer, 16, 3);  // chunks that do not divide it
  SequenceOptions options = toy.sequence(0);
  options.prompt = {};
  for (Token i = 0; i < 30; ++i) options.prompt.push_back(i * i % 16);
  test::KeyedSequence sequence(options);
  const auto propose = [&](std::int64_t context) {
    TokenHistory history = sequence.history();
    const DraftRequest request = {.sequence = &sequence,
                                  .length = 3,
                                  .history = &history,
                                  .context = context};
    return drafter.propose({&request, 1}).front();
  };
  const auto take_over = [&](const Draft& draft, size_t accepted) {
    Verdict verdict{draft.tokens, accepted};
    verdict.tokens.resize(accepted);
    verdict.tokens.push_back(5);
    sequence.append(
        verdict, accepted == draft.size() ? Origin::kBonus : Origin::kRecovered,
        kPositions);
    test::commit(drafter, sequence);
  };
  const auto expect_cached = [&](size_t from, const Draft& draft) {
    Tokens expected = shortened(sequence.tokens(), from);
    expected.insert(expected.end(), draft.tokens.begin(),
                    draft.tokens.end() - 1);
    EXPECT_EQ(scorer.cached(0), expected);
  };

  const Draft first = propose(10);
  ASSERT_EQ(first.size(), 3u);
  expect_cached(20, first);  // the first token and ten more
  // What the draft says after such a text.
  Tokens text = shortened(sequence.tokens(), 20);
  for (const Token token : first.tokens) {
    const std::span<const float> row = toy.draft.row(text);
    EXPECT_EQ(token, std::ranges::max_element(row) - row.begin());
    text.push_back(token);
  }

  // From there on it follows, after rejections and full acceptance.
  for (const size_t accepted : {1u, 3u, 0u, 3u}) {
    take_over(propose(10), accepted);
    expect_cached(20, propose(10));
  }

  // With less to catch up it encodes all.
  for (int i = 0; i < 15; ++i) take_over({}, 0);
  expect_cached(20, propose(10));
  for (int i = 0; i < 30; ++i) take_over({}, 0);
  const auto size = static_cast<size_t>(sequence.size());
  expect_cached(size - 10, propose(10));
  for (int i = 0; i < 30; ++i) take_over({}, 0);
  expect_cached(size - 10, propose(0));
}

// Drafts once in a while only, so that the draft always starts afresh.
class SeldomWindow final : public WindowPolicy, private DraftGuide {
 public:
  DraftGuide& plan(const Sequence&, std::int64_t) override {
    ++iterations_;
    return *this;
  }
  void observe(const IterationOutcome&) override {}

 private:
  std::int64_t most() override {
    return iterations_ % (2 * DraftRequest::kShortContext + 4) < 3 ? 4 : 0;
  }
  std::int64_t ask(std::size_t) override { return most(); }
  void drafted(double) override {}
  bool another_pays() override { return true; }
  bool worth(std::int64_t, double) override { return true; }

  std::int64_t iterations_ = 0;
};

TEST(ModelDrafter, AShortContextChangesNoText) {
  const Toy toy = ::pilotfish::toy();
  const auto generate = [&](std::int64_t window) {
    TableScorer target(toy.target, kPositions);
    TableScorer draft(toy.draft, kPositions);
    ModelDrafter drafter(draft, 16);
    SpeculativeDecoder decoder(
        target, drafter, make_acceptor("block"),
        {.window = window, .policy = std::make_shared<SeldomWindow>()});
    SequenceOptions options = toy.sequence(0);
    options.window = {};
    Sequence sequence(options);
    decoder.admit(sequence);
    Sequence* const all[] = {&sequence};
    while (!sequence.finished()) decoder.step(all);
    if (window != 1) {
      EXPECT_LT(draft.rows, toy.max_tokens / 2 + 60);
      EXPECT_GT(draft.passes, 20);
    }
    return Tokens(sequence.tokens().begin(), sequence.tokens().end());
  };
  EXPECT_EQ(generate(kAutoWindow), generate(1));
}

}  // namespace
}  // namespace pilotfish
