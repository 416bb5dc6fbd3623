// The engine on scorers that are no models: it needs nothing else of a target.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "speculative/testing/table_scorer.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::LogitTable;
using test::TableScorer;

constexpr std::int64_t kVocabulary = 16;

LogitTable target_table() { return LogitTable(kVocabulary, 11, 1); }

EngineParts parts(bool with_draft) {
  EngineParts parts;
  parts.target = std::make_shared<TableScorer>(target_table());
  if (with_draft) {
    parts.draft = std::make_shared<TableScorer>(
        LogitTable::like(target_table(), 2, 0.7f));
  }
  return parts;
}

Request request(std::uint64_t seed, double temperature) {
  Request request;
  request.prompt = {1, static_cast<Token>(seed % kVocabulary)};
  request.max_tokens = 30;
  request.sampling.temperature = temperature;
  request.sampling.seed = seed;
  return request;
}

TEST(EngineScorers, DecodesGreedilyWhatTheScorerSays) {
  std::vector<Token> tokens = {1, 5};
  const LogitTable table = target_table();
  for (int i = 0; i < 30; ++i) {
    const std::span<const float> row = table.row(tokens);
    tokens.push_back(static_cast<Token>(
        std::max_element(row.begin(), row.end()) - row.begin()));
  }
  const std::vector<Token> expected(tokens.begin() + 2, tokens.end());
  for (const std::int64_t window : {1, 2, 5}) {
    Engine engine(parts(window > 1), {.window = window});
    const Generation found = engine.generate(request(5, 0));
    EXPECT_EQ(found.tokens, expected) << window;
    if (window > 1) {
      EXPECT_GT(found.stats.summary.accepted, 0);
    }
  }
}

TEST(EngineScorers, EndTokensEndATextUnlessIgnored) {
  EngineParts ending = parts(true);
  Engine whole(parts(true), {.window = 4});
  const std::vector<Token> text = whole.generate(request(3, 1)).tokens;
  ending.end_tokens = {text[7]};
  Engine engine(ending, {.window = 4});
  const Generation cut = engine.generate(request(3, 1));
  EXPECT_EQ(cut.finish_reason, FinishReason::kStopToken);
  EXPECT_LE(cut.tokens.size(), 8u);
  Request all = request(3, 1);
  all.ignore_eos = true;
  EXPECT_EQ(engine.generate(all).tokens, text);
}

TEST(EngineScorers, BoundsAreTheScorers) {
  EngineParts small;
  small.target = std::make_shared<TableScorer>(target_table(), 10);
  Engine engine(small, {});
  EXPECT_EQ(engine.n_positions(), 10);
  EXPECT_EQ(engine.kv_cache_bytes(), 0);
  EXPECT_EQ(engine.generate(request(3, 0)).finish_reason,
            FinishReason::kNPositions);
  Request large = request(3, 0);
  large.prompt = {static_cast<Token>(kVocabulary)};
  EXPECT_THROW(engine.submit(large), UsageError);
  large.prompt.assign(10, 1);
  EXPECT_THROW(engine.submit(large), UsageError);
}

// Breaks the contract in the middle of texts, for about half of the seeds.
class BreaksForSomeSeeds final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "breaks"; }
  bool lossless() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    const Verdict verdict = block_->accept(verification);
    if (verification.position < 12) return verdict;
    if (verification.random.uniform(0, RandomRole::kTarget) < 0.5) {
      return {{}, 0};
    }
    return verdict;
  }

 private:
  std::shared_ptr<const TokenAcceptor> block_ = make_acceptor("block");
};

std::string failure_of(Engine& engine, RequestId id) {
  try {
    engine.take(id);
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

// Half of the verdicts break the contract in the middle of the texts; those of
// the other requests go on, to the same bits as without neighbours.
TEST(EngineScorers, AVerdictThatBreaksTheContractFailsItsRequestAlone) {
  Engine engine(parts(true),
                {.max_sequences = 4,
                 .window = 4,
                 .acceptor = std::make_shared<BreaksForSomeSeeds>()});
  std::vector<RequestId> ids;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    ids.push_back(engine.submit(request(seed, 1)));
  }
  while (engine.step()) {
  }
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const bool breaks = Random(seed).uniform(0, RandomRole::kTarget) < 0.5;
    if (breaks) {
      EXPECT_NE(failure_of(engine, ids[seed]).find("acceptor breaks"),
                std::string::npos);
      ++failed;
      continue;
    }
    Engine alone(parts(true), {.window = 4});
    EXPECT_EQ(engine.take(ids[seed]).value().tokens,
              alone.generate(request(seed, 1)).tokens)
        << seed;
  }
  EXPECT_GT(failed, 2);
  EXPECT_LT(failed, 10);
}

// What a callback throws is the request's own failure, with its type, and comes
// out of `take` alone.
TEST(EngineScorers, WhatACallbackThrowsFailsItsRequestAlone) {
  Engine engine(parts(true), {.max_sequences = 3, .window = 3});
  int left = 5;
  const RequestId before = engine.submit(request(1, 1));
  const RequestId bad = engine.submit(request(2, 1), [&](const Piece&) {
    if (--left == 0) throw std::out_of_range("a caller's own");
    return true;
  });
  const RequestId after = engine.submit(request(3, 1));
  EXPECT_NO_THROW({
    while (engine.step()) {
    }
  });
  EXPECT_THROW(engine.take(bad), std::out_of_range);
  EXPECT_THROW(engine.take(bad), UsageError);  // it is forgotten
  for (const auto& [id, seed] : {std::pair{before, 1u}, {after, 3u}}) {
    Engine alone(parts(true), {.window = 3});
    EXPECT_EQ(engine.take(id).value().tokens,
              alone.generate(request(seed, 1)).tokens);
  }
  EXPECT_EQ(left, 0);
}

TEST(EngineScorers, APassThatFailsEndsThoseThatWereInIt) {
  EngineParts failing;  // with room for no more than are decoded together
  failing.target = std::make_shared<test::FailingScorer>(
      std::make_shared<TableScorer>(target_table(), 64, 2), 7);
  Engine engine(failing, {.max_sequences = 2});
  const RequestId first = engine.submit(request(1, 1));
  const RequestId second = engine.submit(request(2, 1));
  const RequestId waiting = engine.submit(request(3, 1));
  EXPECT_THROW(
      {
        while (engine.step()) {
        }
      },
      Error);
  while (engine.step()) {
  }
  EXPECT_EQ(failure_of(engine, first), "failing scorer: out of memory");
  EXPECT_EQ(failure_of(engine, second), "failing scorer: out of memory");
  Engine alone(parts(false), {});
  EXPECT_EQ(engine.take(waiting).value().tokens,
            alone.generate(request(3, 1)).tokens);
}

TEST(EngineScorers, AnEngineThatEndsGivesThePlacesOfItsRequestsBack) {
  for (const bool reuse : {false, true}) {
    const auto target = std::make_shared<TableScorer>(target_table(), 64, 2);
    const auto draft = std::make_shared<TableScorer>(target_table(), 64, 2);
    {
      Engine engine(EngineParts{.target = target, .draft = draft},
                    {.max_sequences = 2, .window = 3, .reuse_prefixes = reuse});
      engine.generate(request(1, 1));
      for (std::uint64_t seed = 2; seed < 5; ++seed) {
        engine.submit(request(seed, 1));
      }
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(engine.step());
      EXPECT_GE(target->in_use(), 2u);
    }
    EXPECT_EQ(target->in_use(), 0u);
    EXPECT_EQ(draft->in_use(), 0u);
  }
}

// A scorer with fewer places than the engine was told of.
TEST(EngineScorers, ARequestThatFindsNoPlaceFailsAlone) {
  EngineParts small;
  small.target = std::make_shared<TableScorer>(target_table(), 64, 1);
  Engine engine(small, {.max_sequences = 2});
  const RequestId first = engine.submit(request(1, 1));
  const RequestId second = engine.submit(request(2, 1));
  EXPECT_NO_THROW({
    while (engine.step()) {
    }
  });
  EXPECT_EQ(failure_of(engine, second), "table: full");
  Engine alone(parts(false), {});
  EXPECT_EQ(engine.take(first).value().tokens,
            alone.generate(request(1, 1)).tokens);
}

// A long prompt comes in pieces that leave the running text its pace.
TEST(EngineScorers, APromptTakesFewRowsOfAPassInWhichOthersAreDecoded) {
  const auto target = std::make_shared<TableScorer>(target_table(), 256);
  EngineParts plain;
  plain.target = target;
  Engine engine(plain, {.max_sequences = 9, .mixed_chunk = 4});
  Request running = request(1, 0);
  running.max_tokens = 200;
  engine.submit(running);
  engine.step();
  Request late = request(2, 0);
  late.prompt.assign(40, 3);
  late.max_tokens = 1;
  const RequestId id = engine.submit(late);
  target->most_rows = 0;
  int passes = 0;
  while (engine.prompt_progress(id) < 1) {
    engine.step();
    ++passes;
  }
  EXPECT_EQ(passes, 10);
  EXPECT_EQ(target->most_rows, 1 + 4);
  // Where more are decoded, a prompt may bring as many rows as they do.
  for (std::uint64_t seed = 3; seed < 10; ++seed) {
    Request other = running;
    other.sampling.seed = seed;
    engine.submit(other);
  }
  for (int i = 0; i < 5; ++i) engine.step();
  late.prompt.assign(40, 4);
  engine.submit(late);
  target->most_rows = 0;
  for (int i = 0; i < 5; ++i) engine.step();
  EXPECT_EQ(target->most_rows, 8 + 8);
}

// Requests with rules, drafters and trees of their own, side by side in an
// engine whose own are others.
TEST(EngineScorers, ARequestCanChooseAmongWhatTheEngineHas) {
  Engine engine(parts(true), {.max_sequences = 5,
                              .window = 5,
                              .acceptor = make_acceptor("rejection"),
                              .drafters = {"ngram", "model"},
                              .tree_width = 3});
  Request coupled = request(1, 1);
  coupled.acceptor = make_acceptor("coupled");
  Request chain = request(2, 0);
  chain.tree_width = 1;
  Request typical = request(5, 0);
  typical.acceptor = make_acceptor("typical");  // which takes no trees
  Request plain = request(3, 0);
  plain.drafters = std::vector<std::string>();
  Request model = request(4, 0);
  model.drafters = std::vector<std::string>{"model"};
  std::vector<RequestId> ids;
  for (const Request& one : {coupled, chain, plain, model, typical}) {
    ids.push_back(engine.submit(one));
  }
  while (engine.step()) {
  }
  std::vector<Generation> results;
  for (const RequestId id : ids) results.push_back(engine.take(id).value());
  Engine alone(parts(false), {.acceptor = make_acceptor("coupled")});
  EXPECT_EQ(results[0].tokens, alone.generate(request(1, 1)).tokens);
  for (std::uint64_t seed = 2; seed < 5; ++seed) {
    EXPECT_EQ(results[seed - 1].tokens,
              alone.generate(request(seed, 0)).tokens);
  }
  const auto is_chain = [](const IterationStats& it) {
    return it.tree_depth == 0;
  };
  EXPECT_TRUE(std::ranges::all_of(results[4].stats.iterations, is_chain));
  EXPECT_GT(results[4].stats.summary.drafted, 0);
  EXPECT_TRUE(std::ranges::all_of(results[1].stats.iterations, is_chain));
  EXPECT_FALSE(std::ranges::all_of(results[3].stats.iterations, is_chain));
  EXPECT_EQ(results[2].stats.summary.drafted, 0);
  EXPECT_GT(results[0].stats.summary.drafted, 0);

  plain.drafters = std::vector<std::string>{"suffix"};
  EXPECT_THROW(engine.submit(plain), UsageError);
  chain.tree_width = 4;
  EXPECT_THROW(engine.submit(chain), UsageError);
}

}  // namespace
}  // namespace pilotfish
