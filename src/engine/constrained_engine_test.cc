// Requests with constraints, from tokens to texts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/grammar.h"
#include "engine/testing/piece_tokenizer.h"
#include "engine/testing/random_model_on_one_thread.h"
#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "random_model.h"
#include "speculative/testing/table_scorer.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using test::LogitTable;
using test::TableScorer;
using testing::PieceTokenizer;

const std::vector<std::string> kJsonPieces = {
    "<unk>", "<s>", "</s>", "<call>", "{",    "}",   "\"",  ":",
    ",",     " ",   "[",    "]",      "a",    "b",   "ab",  "0",
    "1",     "12",  "name", "{\"",    "\":",  "\",", "\"}", "true",
    "tr",    "ue",  "é",    "\xC3",   "\xA9", ": ",  ", ",  "\n"};

// {"name":"..","a":[..]}, with one blank at will behind each colon and comma.
std::shared_ptr<const Constraint> json_like() {
  Grammar g;
  const auto blank = [&] { return g.optional(g.text(" ")); };
  const CodePointRange letters[] = {{'a', 'b'}, {U'é', U'é'}};
  const CodePointRange digits[] = {{'0', '2'}};
  const Grammar::Expr number =
      g.repeat(g.character(digits), 1, Grammar::kUnlimited);
  const Grammar::Expr item = g.choice({number, g.text("true")});
  const Grammar::Expr more =
      g.repeat(g.sequence({g.text(","), blank(), item}), 0, 3);
  g.set_start(g.sequence({g.text("{\"name\":"), blank(), g.text("\""),
                          g.repeat(g.character(letters), 0, 6), g.text("\","),
                          blank(), g.text("\"a\":"), blank(), g.text("["),
                          g.optional(g.sequence({item, more})), g.text("]}")}));
  return std::make_shared<Constraint>(Automaton::compile(g));
}

bool is_json_like(const std::string& text) {
  static const std::regex kPattern(
      R"re(\{"name": ?"(a|b|é){0,6}", ?"a": ?\[)re"
      R"re((([0-2]+|true)(, ?([0-2]+|true)){0,3})?\]\})re");
  return std::regex_match(text, kPattern);
}

LogitTable json_table() {
  return LogitTable(std::ssize(kJsonPieces) + 8, 40, 1, 2);
}

EngineParts json_parts(std::int64_t pool = 0) {
  EngineParts parts;
  parts.target = std::make_shared<TableScorer>(json_table(), 256, 64, pool);
  parts.draft = std::make_shared<TableScorer>(
      LogitTable::like(json_table(), 2, 0.8f), 256, 64, pool);
  parts.tokenizer = std::make_shared<PieceTokenizer>(kJsonPieces, true);
  parts.end_tokens = {2};
  return parts;
}

Request json_request(std::uint64_t seed, double temperature = 1.5) {
  Request request;
  request.prompt = {1, static_cast<Token>(4 + seed % 20)};
  request.max_tokens = 200;
  request.sampling.temperature = temperature;
  request.sampling.seed = seed;
  request.constraint = json_like();
  return request;
}

const EngineOptions kJsonEngines[] = {
    {.window = 1},
    {.window = 5, .acceptor = make_acceptor("rejection")},
    {.window = 6, .acceptor = make_acceptor("block"), .tree_width = 3},
    {.window = 6,
     .acceptor = make_acceptor("block"),
     .drafters = {"grammar", "suffix", "model"}},
    {.acceptor = make_acceptor("coupled"), .drafters = {"grammar", "model"}},
    {.window = 8,
     .acceptor = make_acceptor("typical"),
     .drafters = {"grammar"}},
};

TEST(ConstrainedEngine, EveryTextIsWhatItHasToBe) {
  for (EngineOptions options : kJsonEngines) {
    options.max_sequences = 6;
    Engine engine(json_parts(), options);
    std::vector<RequestId> ids;
    const auto constraint = json_like();
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      Request request = json_request(seed, seed % 3 == 0 ? 0 : 1.5);
      if (seed % 2 == 0) request.constraint = constraint;
      request.ignore_eos = seed % 5 == 0;
      ids.push_back(engine.submit(request));
    }
    while (engine.step()) {
    }
    std::int64_t complete = 0;
    for (const RequestId id : ids) {
      const Generation found = engine.take(id).value();
      if (found.finish_reason == FinishReason::kMaxTokens) continue;
      ++complete;
      EXPECT_EQ(found.finish_reason, FinishReason::kStopToken);
      EXPECT_TRUE(is_json_like(found.text)) << found.text;
    }
    EXPECT_GT(complete, 50);
  }
}

// What has other neighbours, windows and drafters and the same text: greedy
// ones of every acceptor, and coupled ones.
Request json_request_in_a_batch(std::uint64_t seed) {
  Request request = json_request(seed, seed % 2 == 0 ? 0 : 1.5);
  request.acceptor = make_acceptor(seed % 2 == 1   ? "coupled"
                                   : seed % 4 == 0 ? "block"
                                                   : "rejection");
  if (seed % 3 == 0) request.constraint = nullptr;
  if (seed % 5 == 0) request.sampling.frequency_penalty = 0.6;
  if (seed % 7 == 0) request.sampling.top_p = 0.9;
  request.max_tokens = 60;
  return request;
}

TEST(ConstrainedEngine, NeighboursAndMemoryChangeNothing) {
  constexpr std::uint64_t kRequests = 24;
  std::vector<Generation> alone;
  for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
    Engine engine(json_parts(), {.window = 1});
    alone.push_back(engine.generate(json_request_in_a_batch(seed)));
  }
  for (const std::int64_t pool : {0, 120}) {
    for (const std::int64_t tree_width : {1, 3}) {
      Engine engine(json_parts(pool),
                    {.max_sequences = 8,
                     .window = 5,
                     .drafters = {"grammar", "suffix", "model"},
                     .tree_width = tree_width});
      std::vector<RequestId> ids;
      for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
        ids.push_back(engine.submit(json_request_in_a_batch(seed)));
      }
      while (engine.step()) {
      }
      std::int64_t preempted = 0;  // those with a constraint
      for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
        const Generation found = engine.take(ids[seed]).value();
        EXPECT_EQ(found.tokens, alone[seed].tokens) << seed;
        EXPECT_EQ(found.finish_reason, alone[seed].finish_reason);
        preempted += seed % 3 != 0 && found.stats.preemptions > 0;
      }
      EXPECT_EQ(preempted > 3, pool > 0) << preempted;
    }
  }
}

TEST(ConstrainedEngine, ATextGoesOnWhereItBrokeOff) {
  for (const bool ignore_eos : {false, true}) {
    Request request = json_request(5);
    request.ignore_eos = ignore_eos;
    Engine engine(json_parts(), {.window = 4,
                                 .acceptor = make_acceptor("coupled"),
                                 .drafters = {"grammar", "model"}});
    const Generation whole = engine.generate(request);
    ASSERT_TRUE(is_json_like(whole.text)) << whole.text;
    for (size_t kept = 1; kept <= whole.tokens.size(); ++kept) {
      request.resumed.assign(whole.tokens.begin(), whole.tokens.begin() + kept);
      const Generation rest = engine.generate(request);
      std::vector<Token> joined = request.resumed;
      joined.insert(joined.end(), rest.tokens.begin(), rest.tokens.end());
      EXPECT_EQ(joined, whole.tokens);
      EXPECT_EQ(rest.finish_reason, FinishReason::kStopToken);
    }
  }
  Request request = json_request(5);
  request.resumed = {4, 4};
  EXPECT_THROW(Engine(json_parts(), {}).submit(request), UsageError);
}

TEST(ConstrainedEngine, ATextThatIsCutSaysSo) {
  Request request = json_request(1);
  request.max_tokens = 3;
  Engine engine(json_parts(), {});
  EXPECT_EQ(engine.generate(request).finish_reason, FinishReason::kMaxTokens);
  request = json_request(1);
  request.stop_strings = {"\"a\""};
  const Generation stopped = engine.generate(request);
  EXPECT_EQ(stopped.finish_reason, FinishReason::kStopString);
  EXPECT_TRUE(stopped.text.starts_with("{\"name\":")) << stopped.text;
}

TEST(ConstrainedEngine, WhatIsForcedIsDraftedAndKept) {
  Request request = json_request(2, 0);
  Engine plain(json_parts(), {.window = 1});
  const Generation expected = plain.generate(request);
  // Half of the text is forced, but the model cuts it into tokens as it likes.
  Engine engine(json_parts(), {.window = 6, .drafters = {"grammar"}});
  const Generation found = engine.generate(request);
  EXPECT_EQ(found.tokens, expected.tokens);
  EXPECT_GT(found.stats.summary.accepted, 0);
  // Nothing is forced of a text that has no constraint.
  request.constraint = nullptr;
  EXPECT_EQ(engine.generate(request).stats.summary.drafted, 0);
}

// A real model, also with its own first layers as the draft.
TEST(ConstrainedEngine, ModelsAndTheirFirstLayersDraft) {
  const test::TemporaryFolder folder;
  test::RandomModelOptions random;
  random.vocab_size = std::ssize(kJsonPieces);
  const auto target =
      testing::load_random_model(folder.path() / "target", random);
  random.perturbation = 0.1;
  const auto draft =
      testing::load_random_model(folder.path() / "draft", random);
  const auto tokenizer = std::make_shared<PieceTokenizer>(kJsonPieces, false);
  const auto generate = [&](const EngineOptions& options) {
    Engine engine(target, draft, tokenizer, options);
    Request request = json_request(3);
    request.logprobs = 1;
    return engine.generate(request);
  };
  const auto coupled = make_acceptor("coupled");
  const Generation plain = generate({.window = 1, .acceptor = coupled});
  EXPECT_TRUE(is_json_like(plain.text)) << plain.text;
  for (const char* drafter : {"skip", "model", "grammar"}) {
    const Generation found =
        generate({.window = 5, .acceptor = coupled, .drafters = {drafter}});
    EXPECT_EQ(found.tokens, plain.tokens) << drafter;
    EXPECT_GT(found.stats.summary.accepted, 0) << drafter;
    for (size_t i = 0; i < plain.tokens.size(); ++i) {
      EXPECT_EQ(found.logprobs[i].logprob, plain.logprobs[i].logprob);
    }
  }
}

// Some of the sequences have one constraint, and all one vocabulary, whose
// masks several threads work out at a time.
TEST(ConstrainedEngine, ThreadsChangeNothing) {
  const test::TemporaryFolder folder;
  test::RandomModelOptions random;
  random.vocab_size = 2048;  // enough logits to share among threads
  random.n_layers = 1;
  test::write_random_model(folder.path(), random);
  const auto tokenizer = std::make_shared<PieceTokenizer>(kJsonPieces, false);
  const auto constraint = json_like();
  const auto texts = [&](int threads) {
    const auto load = [&] {
      return Model::load(folder.path(), {.threads = make_threads(threads)});
    };
    Engine engine(load(), load(), tokenizer,
                  {.max_sequences = 8,
                   .window = 6,
                   .acceptor = make_acceptor("coupled"),
                   .drafters = {"grammar", "model"},
                   .tree_width = 3});
    std::vector<RequestId> ids;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      Request request = json_request(seed);
      if (seed % 4 != 0) request.constraint = constraint;
      request.max_tokens = 24;
      ids.push_back(engine.submit(request));
    }
    while (engine.step()) {
    }
    std::vector<std::vector<Token>> found;
    for (const RequestId id : ids) {
      found.push_back(engine.take(id).value().tokens);
    }
    return found;
  };
  EXPECT_EQ(texts(3), texts(1));
}

TEST(ConstrainedEngine, AConstraintNeedsATokenizer) {
  EngineParts parts = json_parts();
  parts.tokenizer = nullptr;
  Engine engine(std::move(parts), {});
  try {
    engine.check(json_request(0));
    ADD_FAILURE() << "it was taken";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "a constraint needs a tokenizer, and the model has none");
  }
}

TEST(ConstrainedEngine, LogprobsAreTheTargetsOwn) {
  Request request = json_request(4);
  request.logprobs = 2;
  request.prompt_logprobs = true;
  Engine engine(json_parts(), {.window = 4});
  const Generation found = engine.generate(request);
  ASSERT_EQ(found.logprobs.size(), found.tokens.size());
  bool has_excluded = false;
  std::vector<Token> prefix = request.prompt;
  for (size_t i = 0; i < found.tokens.size(); ++i) {
    const LogitTable table = json_table();
    const std::span<const float> row = table.row(prefix);
    const auto largest =
        static_cast<Token>(std::ranges::max_element(row) - row.begin());
    EXPECT_EQ(found.logprobs[i].top[0].token, largest);
    has_excluded = has_excluded || largest >= std::ssize(kJsonPieces);
    prefix.push_back(found.tokens[i]);
  }
  EXPECT_TRUE(has_excluded);
}

}  // namespace
}  // namespace pilotfish
