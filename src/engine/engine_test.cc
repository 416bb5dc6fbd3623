#include "pilotfish/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <set>

#include "engine/testing/toy_tokenizer.h"
#include "pilotfish/drafters.h"
#include "pilotfish/error.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;

// A target, and a draft that agrees with it now and then.
class EngineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    LoadOptions load;
    load.threads = make_threads(1);
    test::RandomModelOptions model;
    model.n_positions = 128;
    test::write_random_model(folder_->path() / "target", model);
    target_ =
        new std::shared_ptr(Model::load(folder_->path() / "target", load));
    model.perturbation = 0.15;
    test::write_random_model(folder_->path() / "draft", model);
    draft_ = new std::shared_ptr(Model::load(folder_->path() / "draft", load));
    tokenizer_ = new std::shared_ptr<const Tokenizer>(
        std::make_shared<testing::ToyTokenizer>(128));
  }
  static void TearDownTestSuite() {
    delete tokenizer_;
    delete draft_;
    delete target_;
    delete folder_;
  }

  static std::shared_ptr<Model> target() { return *target_; }
  static std::shared_ptr<Model> draft() { return *draft_; }
  static std::shared_ptr<const Tokenizer> tokenizer() { return *tokenizer_; }

  static Request request(std::vector<Token> prompt, std::int64_t max_tokens) {
    Request request;
    request.prompt = std::move(prompt);
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
    return request;
  }

  static Generation plain(Request request) {
    Engine engine(target(), nullptr, tokenizer(), {.window = 1});
    return engine.generate(std::move(request));
  }

 private:
  static inline test::TemporaryFolder* folder_;
  static inline std::shared_ptr<Model>* target_;
  static inline std::shared_ptr<Model>* draft_;
  static inline std::shared_ptr<const Tokenizer>* tokenizer_;
};

std::int64_t emitted(const Generation& generation) {
  std::int64_t sum = 0;
  for (const IterationStats& iteration : generation.stats.iterations) {
    sum += iteration.emitted;
  }
  return sum;
}

TEST_F(EngineTest, GreedyTextIsTheSameAtEveryWindow) {
  const Request job = request({1, 5, 9, 33}, 60);
  const Generation expected = plain(job);
  EXPECT_EQ(expected.tokens.size(), 60u);
  EXPECT_EQ(expected.finish_reason, FinishReason::kMaxTokens);
  EXPECT_DOUBLE_EQ(expected.stats.summary.tokens_per_pass(), 1);
  for (std::int64_t window = 1; window <= 16; ++window) {
    Engine engine(target(), draft(), tokenizer(), {.window = window});
    const Generation found = engine.generate(job);
    EXPECT_EQ(found.tokens, expected.tokens) << "window " << window;
    EXPECT_EQ(found.text, expected.text);
    EXPECT_EQ(found.origins.size(), found.tokens.size());
    EXPECT_EQ(emitted(found), 60);
    if (window < 4) continue;
    EXPECT_GT(found.stats.summary.tokens_per_pass(), 1.3);
  }
}

// Sampled, each with its own settings: alone and beside others, admitted at
// different times.
TEST_F(EngineTest, ARequestDoesNotDependOnItsNeighbours) {
  std::vector<Request> requests;
  for (int i = 0; i < 7; ++i) {
    std::vector<Token> prompt(static_cast<size_t>(1 + 13 * i % 50));
    std::iota(prompt.begin(), prompt.end(), 3 + i);
    Request job = request(prompt, 10 + 7 * i % 40);
    job.sampling.temperature = i % 3 == 0 ? 0 : 0.5 * i;
    job.sampling.repetition_penalty = i % 2 == 0 ? 1 : 1.3;
    job.sampling.seed = static_cast<std::uint64_t>(i);
    job.window = 1 + i;
    requests.push_back(job);
  }
  Engine together(target(), draft(), tokenizer(),
                  {.max_sequences = 3, .prefill_chunk = 16});
  std::vector<RequestId> ids;
  for (const Request& job : requests) ids.push_back(together.submit(job));
  while (together.step()) {
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    Engine alone(target(), draft(), tokenizer(), {});
    const Generation expected = alone.generate(requests[i]);
    const Generation found = together.take(ids[i]).value();
    EXPECT_EQ(found.tokens, expected.tokens) << "request " << i;
    EXPECT_EQ(found.text, expected.text);
    EXPECT_EQ(found.origins, expected.origins);
  }
}

TEST_F(EngineTest, LogprobsAreThoseThatScoringGives) {
  for (const std::int64_t window : {1, 4}) {
    Engine engine(target(), draft(), tokenizer(),
                  {.window = window, .kv_dtype = DType::kF32});
    Request job = request({1, 5, 9}, 30);
    job.sampling.temperature = 0.9;
    job.sampling.top_k = 20;
    job.logprobs = 2;
    const Generation found = engine.generate(job);
    ASSERT_EQ(found.logprobs.size(), found.tokens.size());
    std::vector<Token> all = job.prompt;
    all.insert(all.end(), found.tokens.begin(), found.tokens.end());
    const Score expected = score(*target(), all);
    for (size_t i = 0; i < found.tokens.size(); ++i) {
      EXPECT_EQ(found.logprobs[i].logprob,
                expected.log_probabilities[job.prompt.size() - 1 + i]);
      EXPECT_EQ(found.logprobs[i].top.size(), 2u);
    }
  }
}

TEST_F(EngineTest, DraftersInOrderOfPreference) {
  Request job = request({1, 5, 9, 33, 1, 5, 9}, 60);
  const Generation expected = plain(job);
  job.prediction = expected.tokens;
  std::vector<std::vector<std::string>> lists = {
      {"suffix", "model"}, {"ngram", "skip"}, {"prediction", "suffix", "skip"}};
  for (const DrafterInfo& info : drafter_infos()) {
    lists.push_back({std::string(info.name)});
  }
  for (const std::vector<std::string>& drafters : lists) {
    Engine engine(
        target(), draft(), tokenizer(),
        {.window = 5, .drafters = drafters, .corpus = expected.tokens});
    const Generation found = engine.generate(job);
    EXPECT_EQ(found.tokens, expected.tokens) << drafters_text(drafters);
    // Without a constraint there is nothing that "grammar" could draft.
    const bool drafts = drafters[0] != "grammar";
    EXPECT_EQ(found.stats.summary.tokens_per_pass() > 1, drafts)
        << drafters_text(drafters);
    if (drafters[0] == "prediction") {
      EXPECT_EQ(found.stats.summary.acceptance_rate(), 1);
    }
  }
}

TEST_F(EngineTest, DraftersThatLackWhatTheyNeedAreRefused) {
  const auto engine = [](EngineOptions options) {
    Engine(target(), nullptr, tokenizer(), options);
  };
  EXPECT_THROW(engine({.drafters = {"model"}}), UsageError);
  EXPECT_THROW(engine({.drafters = {"ngram", "ngram"}}), UsageError);
  EXPECT_THROW(engine({.drafters = {"skip"}, .skip_layers = 2}), UsageError);
  EXPECT_THROW(engine({.drafters = {"suffix"}, .corpus = {5, 128}}),
               UsageError);
  EXPECT_THROW(engine({.drafters = {"eagle"}}), UsageError);
}

TEST_F(EngineTest, TokensOutOfRangeInRequestsAreRefused) {
  Engine engine(target(), nullptr, tokenizer());
  const auto expect_refused = [&](auto change) {
    Request job = request({1}, 5);
    change(job);
    EXPECT_THROW(engine.submit(job), UsageError);
  };
  expect_refused([](Request& r) { r.prediction = {3, 128}; });
  expect_refused([](Request& r) { r.sampling.allowed_tokens = {128}; });
  expect_refused([](Request& r) { r.sampling.banned_tokens = {-1}; });
  expect_refused([](Request& r) { r.sampling.bad_words = {{1, 128}}; });
  expect_refused([](Request& r) { r.logprobs = -1; });
}

// Greedy text is the same with windows that are chosen by the clock; a request
// may fix its own.
TEST_F(EngineTest, WindowsAreChosenUnlessFixed) {
  Engine plain(target(), nullptr, tokenizer());
  Engine engine(target(), draft(), tokenizer(), {.max_sequences = 3});
  const Request job = request({1, 5, 9}, 100);
  const std::vector<Token> expected = plain.generate(job).tokens;
  Request fixed = job;
  fixed.window = 3;
  const RequestId automatic = engine.submit(job);
  const RequestId three = engine.submit(fixed);
  Request open = job;
  open.window = kAutoWindow;
  const RequestId asked = engine.submit(open);
  while (engine.step()) {
  }
  for (const RequestId id : {automatic, asked}) {
    const Generation found = engine.take(id).value();
    EXPECT_EQ(found.tokens, expected);
    std::set<std::int64_t> drafted;
    for (const IterationStats& iteration : found.stats.iterations) {
      drafted.insert(iteration.drafted);
    }
    EXPECT_GT(drafted.size(), 2u);
  }
  const Generation found = engine.take(three).value();
  EXPECT_EQ(found.tokens, expected);
  for (const IterationStats& iteration : found.stats.iterations) {
    EXPECT_LE(iteration.drafted, 2);
  }
}

TEST_F(EngineTest, TheStreamIsTheText) {
  Engine engine(target(), draft(), tokenizer(), {.window = 5});
  std::string streamed;
  std::vector<Token> tokens;
  Request job = request({1}, 80);
  job.sampling.temperature = 1.5;
  const Generation result = engine.generate(job, [&](const Piece& piece) {
    streamed += piece.text;
    if (piece.token >= 0) tokens.push_back(piece.token);
    return true;
  });
  EXPECT_EQ(streamed, result.text);
  EXPECT_EQ(tokens, result.tokens);
  // Halves of characters that nothing completed became U+FFFD.
  EXPECT_THAT(result.text, HasSubstr("\xEF\xBF\xBD"));
}

// A model with more rows than its tokenizer has texts: they are tokens like
// others, with the empty text.
TEST_F(EngineTest, RowsWithoutATextGiveNone) {
  constexpr Token kTexts = 40;
  const auto texts = std::make_shared<testing::ToyTokenizer>(kTexts);
  Engine engine(target(), draft(), texts, {.max_sequences = 3, .window = 4});
  std::vector<RequestId> ids;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Request job = request({1, 120, 5, 127}, 40);
    job.sampling.temperature = 1.5;
    job.sampling.seed = seed;
    job.logprobs = 2;
    if (seed % 2 == 1) job.stop_strings = {"ab", "b a"};
    ids.push_back(engine.submit(job));
  }
  while (engine.step()) {
  }
  int without = 0;
  for (const RequestId id : ids) {
    const Generation generation = engine.take(id).value();
    std::vector<Token> with_text;
    for (const Token token : generation.tokens) {
      if (token < kTexts) with_text.push_back(token);
    }
    without += static_cast<int>(generation.tokens.size() - with_text.size());
    TextStream stream(*texts, std::vector<Token>{1, 5});
    std::string expected;
    for (const Token token : with_text) expected += stream.push(token);
    expected += stream.finish();
    EXPECT_TRUE(expected.starts_with(generation.text)) << expected;
    if (generation.finish_reason != FinishReason::kStopString) {
      EXPECT_EQ(generation.text, expected);
    }
  }
  EXPECT_GT(without, 100);
}

// Every stop string of up to five bytes that the text holds, at windows that
// meet it in all places. The expected text comes from a search of all text so
// far after each token.
TEST_F(EngineTest, StopStringsAreFoundAcrossTokensAndInsideWindows) {
  Request job = request({1, 77}, 40);
  job.sampling.temperature = 1;  // nothing here depends on greedy text
  job.sampling.seed = 3;
  Engine plain_engine(target(), nullptr, tokenizer(), {.window = 1});
  std::vector<std::string> so_far;  // text after each token
  plain_engine.generate(job, [&](const Piece& piece) {
    const std::string before = so_far.empty() ? "" : so_far.back();
    if (piece.token >= 0) so_far.push_back(before + std::string(piece.text));
    return true;
  });
  // At a temperature the window changes which tokens are drawn; a window of 1
  // and its own text are compared here, greedy text at other windows below.
  const auto expect_cut = [&](const std::vector<std::string>& texts,
                              const Request& base, Engine& engine,
                              const std::string& stop) {
    Request stopped = base;
    stopped.stop_strings = {stop, "never this"};
    std::string streamed;
    const Generation found = engine.generate(stopped, [&](const Piece& piece) {
      streamed += piece.text;
      return true;
    });
    size_t n = 0;
    while (n < texts.size() && texts[n].find(stop) == std::string::npos) ++n;
    ASSERT_LT(n, texts.size());
    EXPECT_EQ(found.text, texts[n].substr(0, texts[n].find(stop)));
    EXPECT_EQ(streamed, found.text);
    EXPECT_EQ(found.finish_reason, FinishReason::kStopString);
    EXPECT_EQ(found.tokens.size(), n + 1);
    EXPECT_EQ(found.origins.size(), n + 1);
    EXPECT_EQ(emitted(found), static_cast<std::int64_t>(n + 1));
  };
  const auto valid = [](const std::string& text) {
    return (static_cast<unsigned char>(text.front()) & 0xC0) != 0x80 &&
           (text.back() == '\0' ||
            static_cast<unsigned char>(text.back()) < 0x80);
  };
  int cuts = 0;
  for (size_t at = 0; at + 5 < so_far.back().size(); at += 3) {
    for (size_t length = 1; length <= 5; ++length) {
      const std::string stop = so_far.back().substr(at, length);
      if (!valid(stop)) continue;
      expect_cut(so_far, job, plain_engine, stop);
      ++cuts;
    }
  }
  EXPECT_GT(cuts, 20);

  const Request greedy = request({1, 77}, 40);
  std::vector<std::string> greedy_texts;
  plain_engine.generate(greedy, [&](const Piece& piece) {
    const std::string before = greedy_texts.empty() ? "" : greedy_texts.back();
    greedy_texts.push_back(before + std::string(piece.text));
    return true;
  });
  Engine engine(target(), draft(), tokenizer());
  for (std::int64_t window = 2; window <= 9; ++window) {
    Request windowed = greedy;
    windowed.window = window;
    for (size_t at = 0; at + 3 < greedy_texts.back().size(); at += 4) {
      const std::string stop = greedy_texts.back().substr(at, 3);
      if (valid(stop)) expect_cut(greedy_texts, windowed, engine, stop);
    }
  }
}

TEST_F(EngineTest, MinTokensHoldsStopStringsOff) {
  Request job = request({1, 77}, 40);
  const Generation whole = plain(job);
  job.stop_strings = {"a", "b", " "};
  EXPECT_LT(plain(job).tokens.size(), 5u);
  job.sampling.min_tokens = 12;
  const Generation held = plain(job);
  EXPECT_GE(held.tokens.size(), 12u);
  EXPECT_TRUE(whole.text.starts_with(held.text));
}

TEST_F(EngineTest, EndsAtAStopTokenInsideAWindow) {
  Request job = request({1, 77}, 40);
  const Generation whole = plain(job);
  const Token stop = whole.tokens[10];
  const size_t first = static_cast<size_t>(
      std::find(whole.tokens.begin(), whole.tokens.end(), stop) -
      whole.tokens.begin());
  ASSERT_GT(first, 0u);
  const Generation before_stop =
      plain(request({1, 77}, static_cast<std::int64_t>(first)));
  ASSERT_NE(tokenizer()->token_text(stop), "");
  job.stop_ids = {stop};
  for (std::int64_t window = 1; window <= 8; ++window) {
    Engine engine(target(), target(), tokenizer(), {.window = window});
    const Generation found = engine.generate(job);
    EXPECT_EQ(found.tokens, std::vector(whole.tokens.begin(),
                                        whole.tokens.begin() + first + 1));
    EXPECT_EQ(found.finish_reason, FinishReason::kStopToken);
    EXPECT_EQ(found.text, before_stop.text);
  }
}

TEST_F(EngineTest, EndsWhenTheSequenceIsFull) {
  Engine engine(target(), draft(), tokenizer(), {.n_positions = 20});
  const Generation found = engine.generate(request({1, 5, 9}, 100));
  EXPECT_EQ(found.tokens.size(), 17u);
  EXPECT_EQ(found.finish_reason, FinishReason::kNPositions);
}

TEST_F(EngineTest, MaxTokensOfMinusOneGoesToTheEndOfTheCache) {
  Engine engine(target(), draft(), nullptr, {.n_positions = 24, .window = 4});
  const Generation generation = engine.generate(request({1, 2, 3}, -1));
  EXPECT_EQ(generation.tokens.size(), 21u);
  EXPECT_EQ(generation.finish_reason, FinishReason::kNPositions);
}

TEST_F(EngineTest, ACallbackCancelsItsRequest) {
  Engine engine(target(), draft(), tokenizer(), {.window = 8});
  int left = 7;
  const Generation found = engine.generate(
      request({1, 5}, 50), [&](const Piece&) { return --left > 0; });
  EXPECT_EQ(found.tokens.size(), 7u);
  EXPECT_EQ(found.finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(emitted(found), 7);
}

TEST_F(EngineTest, CancelsWaitingAndActiveRequests) {
  Engine engine(target(), draft(), tokenizer(), {.max_sequences = 1});
  const RequestId active = engine.submit(request({1, 5}, 50));
  const RequestId waiting = engine.submit(request({1, 5}, 50));
  const RequestId last = engine.submit(request({1, 5}, 50));
  engine.step();
  engine.step();
  engine.cancel(active);
  engine.cancel(waiting);
  const Generation stopped = engine.take(active).value();
  EXPECT_EQ(stopped.finish_reason, FinishReason::kCancelled);
  EXPECT_GT(stopped.tokens.size(), 0u);
  EXPECT_TRUE(engine.take(waiting).value().tokens.empty());
  while (engine.step()) {
  }
  EXPECT_EQ(engine.take(last).value().tokens,
            plain(request({1, 5}, 50)).tokens);
}

TEST_F(EngineTest, CallbacksMaySubmitCancelAndTake) {
  Engine engine(target(), nullptr, tokenizer(), {.max_sequences = 2});
  RequestId second = -1;
  const RequestId third = engine.submit(request({1, 9}, 50));
  const RequestId first = engine.submit(request({1, 5}, 4), [&](const Piece&) {
    if (second < 0) {
      second = engine.submit(request({1, 7}, 5));
      engine.cancel(third);
      EXPECT_FALSE(engine.take(second).has_value());
    }
    return true;
  });
  while (engine.step()) {
  }
  EXPECT_EQ(engine.take(first).value().tokens.size(), 4u);
  EXPECT_EQ(engine.take(second).value().tokens.size(), 5u);
  EXPECT_EQ(engine.take(third).value().finish_reason, FinishReason::kCancelled);
}

TEST_F(EngineTest, PromptProgressGrowsToOne) {
  Engine engine(target(), draft(), tokenizer(), {.prefill_chunk = 10});
  std::vector<Token> prompt(50, 7);
  const RequestId id = engine.submit(request(prompt, 2));
  double last = engine.prompt_progress(id);
  EXPECT_EQ(last, 0);
  for (int i = 0; i < 4; ++i) {
    engine.step();
    EXPECT_GT(engine.prompt_progress(id), last);
    last = engine.prompt_progress(id);
    EXPECT_LT(last, 1);
  }
  engine.step();
  EXPECT_EQ(engine.prompt_progress(id), 1);
}

TEST_F(EngineTest, RefusesRequestsThatCannotRun) {
  Engine engine(target(), draft(), nullptr, {.n_positions = 16});
  const auto refuse = [&](const Request& job, const std::string& why) {
    try {
      engine.submit(job);
      ADD_FAILURE() << "accepted; expected: " << why;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr(why));
    }
  };
  refuse(request({}, 5), "prompt");
  refuse(request(std::vector<Token>(16, 3), 5), "n_positions is 16");
  refuse(request({1, 128}, 5), "128");
  refuse(request({-1}, 5), "-1");
  refuse(request({1}, 0), "max_tokens");
  refuse(request({1}, -2), "max_tokens: -2 is out of range");
  Request job = request({1}, 5);
  job.stop_strings = {"x"};
  refuse(job, "tokenizer");
  job = request({1}, 5);
  job.stop_ids = {500};
  refuse(job, "500");
  job = request({1}, 5);
  job.sampling.logit_bias[-3] = 1;
  refuse(job, "-3");
  job = request({1}, 5);
  job.sampling.temperature = -1;
  refuse(job, "temperature");
  EXPECT_THROW(engine.take(0), UsageError);
  EXPECT_THROW(engine.cancel(0), UsageError);
  EXPECT_THROW(engine.prompt_progress(0), UsageError);

  Engine with_text(target(), nullptr, tokenizer());
  job = request({1}, 5);
  job.stop_strings = {"a", ""};
  EXPECT_THROW(with_text.submit(job), UsageError);
  job.stop_strings = {"\xA9"};
  EXPECT_THROW(with_text.submit(job), UsageError);
}

TEST_F(EngineTest, RefusesOptionsOutOfRange) {
  EXPECT_THROW(Engine(target(), nullptr, nullptr, {.n_positions = -1}),
               UsageError);
  EXPECT_THROW(Engine(target(), nullptr, nullptr, {.max_sequences = 0}),
               UsageError);
  EXPECT_THROW(Engine(target(), nullptr, nullptr, {.window = -1}), UsageError);
}

TEST_F(EngineTest, GoesPastTheModelsOwnPositionsIfAsked) {
  Engine engine(target(), draft(), nullptr, {.n_positions = 140});
  const Generation found = engine.generate(request({1}, 200));
  EXPECT_EQ(found.tokens.size(), 139u);
  // The draft keeps to its own.
  Engine plain_engine(target(), nullptr, nullptr, {.n_positions = 140});
  EXPECT_EQ(plain_engine.generate(request({1}, 200)).tokens, found.tokens);
}

TEST_F(EngineTest, ReportsTheMemoryOfItsCaches) {
  const KvCacheOptions cache = {
      .n_positions = 64, .max_sequences = 3, .dtype = DType::kF32};
  Engine engine(
      target(), draft(), nullptr,
      {.n_positions = 64, .max_sequences = 3, .kv_dtype = DType::kF32});
  EXPECT_EQ(engine.n_positions(), 64);
  EXPECT_EQ(engine.kv_cache_bytes(),
            KvCache::bytes_needed(target()->config(), cache) +
                KvCache::bytes_needed(draft()->config(), cache));
}

TEST_F(EngineTest, ADraftsCacheIsNoLargerThanItsPositions) {
  test::TemporaryFolder folder;
  test::RandomModelOptions model;
  model.n_positions = 40;
  model.perturbation = 0.15;
  test::write_random_model(folder.path() / "draft", model);
  LoadOptions load;
  load.threads = make_threads(1);
  const auto small =
      std::shared_ptr(Model::load(folder.path() / "draft", load));
  Engine engine(target(), small, nullptr, {.window = 4});
  const auto bytes = [](const Model& of, std::int64_t positions) {
    return KvCache::bytes_needed(of.config(), {.n_positions = positions});
  };
  EXPECT_EQ(engine.kv_cache_bytes(), bytes(*target(), 128) + bytes(*small, 40));
  // It drafts as far as it reaches.
  const Generation found = engine.generate(request({1, 5, 9}, 100));
  EXPECT_EQ(found.tokens, plain(request({1, 5, 9}, 100)).tokens);
  std::int64_t position = 3;
  for (const IterationStats& iteration : found.stats.iterations) {
    position += iteration.emitted;
    if (position > 60) {
      EXPECT_EQ(iteration.drafted, 0);
    }
  }
  EXPECT_GT(found.stats.summary.drafted, 10);
}

TEST_F(EngineTest, ScoresLikeAPassOverTheWholeText) {
  std::vector<Token> tokens(70);
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<Token>(i * i * 7 % 128);
  }
  KvCache cache = target()->make_cache({.dtype = DType::kF32});
  Batch batch;
  batch.add(cache.create(), tokens, 70);
  const Logits logits = target()->forward(batch, cache).logits;
  std::vector<std::vector<float>> rows;
  for (std::int64_t i = 0; i < 70; ++i) {
    rows.emplace_back(logits.row(i).begin(), logits.row(i).end());
  }

  ScoreOptions options;
  std::int64_t next = 0;
  options.on_row = [&](std::int64_t position, std::span<const float> row) {
    EXPECT_EQ(position, next++);
    EXPECT_EQ(std::vector(row.begin(), row.end()),
              rows[static_cast<size_t>(position)]);
  };
  const Score result = score(*target(), tokens, options);
  EXPECT_EQ(next, 70);
  ASSERT_EQ(result.log_probabilities.size(), 69u);
  double product = 0;
  for (size_t i = 0; i < 69; ++i) {
    double total = 0;
    for (const float x : rows[i]) total += std::exp(static_cast<double>(x));
    const double p = std::exp(static_cast<double>(
                         rows[i][static_cast<size_t>(tokens[i + 1])])) /
                     total;
    EXPECT_NEAR(result.log_probabilities[i], std::log(p), 1e-9);
    product += std::log(p);
  }
  EXPECT_NEAR(result.perplexity, std::exp(-product / 69), 1e-9);

  EXPECT_TRUE(std::isnan(score(*target(), std::vector<Token>{5}).perplexity));
  EXPECT_THROW(score(*target(), std::vector<Token>{}), UsageError);
  EXPECT_THROW(score(*target(), std::vector<Token>{128}), UsageError);
  EXPECT_THROW(score(*target(), std::vector<Token>(129, 1)), UsageError);
}

}  // namespace
}  // namespace pilotfish
