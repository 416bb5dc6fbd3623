// How texts end, and what is counted then: the engine on tables of logits, with
// a draft that is the target, so that whole windows are accepted.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/testing/toy_tokenizer.h"
#include "pilotfish/engine.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish {
namespace {

// A text, and what of it there is after each token.
struct KnownText {
  std::vector<Token> tokens;
  std::vector<std::string> after;  // [tokens.size()]

  std::string before(size_t i) const { return i == 0 ? "" : after[i - 1]; }
  std::string piece(size_t i) const {
    return after[i].substr(before(i).size());
  }
};

class TextEndsTest : public ::testing::Test {
 protected:
  static EngineParts parts() {
    constexpr std::int64_t kIds = 16;
    const test::LogitTable table(kIds, 11, 1);
    EngineParts parts;
    parts.target = std::make_shared<test::TableScorer>(table);
    parts.draft = std::make_shared<test::TableScorer>(table);
    parts.tokenizer = std::make_shared<testing::ToyTokenizer>(kIds);
    return parts;
  }

  // Sampled texts, which are the same with every window.
  static EngineOptions with_window(std::int64_t window) {
    return {.max_sequences = 3,
            .window = window,
            .acceptor = make_acceptor("coupled")};
  }

  static Request request(std::uint64_t seed = 1) {
    Request request;
    request.prompt = {1, 5};
    request.max_tokens = 40;
    request.sampling.temperature = 1.5;
    request.sampling.seed = seed;
    return request;
  }

  static KnownText known_text(std::uint64_t seed = 1) {
    Engine engine(parts(), with_window(1));
    KnownText text;
    std::string all;
    text.tokens = engine
                      .generate(request(seed),
                                [&](const Piece& piece) {
                                  all += piece.text;
                                  if (piece.token >= 0) {
                                    text.after.push_back(all);
                                  }
                                  return true;
                                })
                      .tokens;
    return text;
  }
};

// Whatever ended the text: what its iterations count is what it has.
void expect_counts_fit(const Generation& generation) {
  std::int64_t emitted = 0;
  std::int64_t accepted = 0;
  for (const IterationStats& iteration : generation.stats.iterations) {
    EXPECT_LE(iteration.accepted, iteration.emitted);
    EXPECT_LE(iteration.accepted, iteration.drafted);
    emitted += iteration.emitted;
    accepted += iteration.accepted;
  }
  EXPECT_EQ(emitted, std::ssize(generation.tokens));
  EXPECT_EQ(accepted,
            std::ranges::count(generation.origins, Origin::kAccepted));
}

TEST_F(TextEndsTest, WhatIsAcceptedBehindTheEndDoesNotCount) {
  const KnownText text = known_text();
  for (const std::int64_t window : {2, 5, 8}) {
    Engine engine(parts(), with_window(window));
    expect_counts_fit(engine.generate(request()));
    int stopped = 0;
    for (size_t end = 1; end < 20; ++end) {
      Request job = request();
      job.stop_ids = {text.tokens[end]};
      expect_counts_fit(engine.generate(job));

      job = request();
      int left = static_cast<int>(end);
      const Generation cancelled =
          engine.generate(job, [&](const Piece&) { return --left > 0; });
      EXPECT_EQ(cancelled.tokens.size(), end);
      expect_counts_fit(cancelled);

      const std::string& piece = text.piece(end);
      if (piece != "ab" && piece != "ba") continue;
      job.stop_strings = {piece};
      const Generation cut = engine.generate(job);
      EXPECT_EQ(cut.finish_reason, FinishReason::kStopString);
      expect_counts_fit(cut);
      ++stopped;
    }
    EXPECT_GT(stopped, 2);
  }
}

// min_tokens counts the token that completes the stop string.
TEST_F(TextEndsTest, AStopStringMayComeWithTheLastTokenThatIsAskedFor) {
  const KnownText text = known_text();
  for (const std::int64_t window : {1, 4}) {
    Engine engine(parts(), with_window(window));
    int with_the_last = 0;
    for (size_t least = 0; least < 20; ++least) {
      size_t n = std::max<size_t>(least, 1) - 1;
      while (text.piece(n).find('a') == std::string::npos) ++n;
      with_the_last += n + 1 == least;
      Request job = request();
      job.stop_strings = {"a"};
      job.sampling.min_tokens = static_cast<std::int64_t>(least);
      const Generation found = engine.generate(job);
      EXPECT_EQ(found.tokens.size(), n + 1) << "min_tokens " << least;
      EXPECT_EQ(found.text, text.before(n) + text.piece(n).substr(
                                                 0, text.piece(n).find('a')));
    }
    EXPECT_GT(with_the_last, 2);
  }
}

// Text that waits, because a stop string may begin with it, is no part of one
// once the text is cancelled.
TEST_F(TextEndsTest, ACancelledTextHasWhatWasHeldBack) {
  const KnownText text = known_text();
  size_t last = 4;
  while (!text.after[last].ends_with('a')) ++last;
  Request job = request();
  job.stop_strings = {"a stop string"};
  std::string streamed;
  size_t tokens = 0;
  const auto collect = [&](const Piece& piece) {
    streamed += piece.text;
    tokens += piece.token >= 0;
  };

  // By its own callback, inside a window or not.
  for (const std::int64_t window : {1, 4}) {
    streamed.clear();
    tokens = 0;
    Engine engine(parts(), with_window(window));
    const Generation found = engine.generate(job, [&](const Piece& piece) {
      collect(piece);
      return tokens <= last;
    });
    EXPECT_EQ(found.finish_reason, FinishReason::kCancelled);
    EXPECT_EQ(found.text, text.after[last]);
    EXPECT_EQ(streamed, found.text);
  }

  // Between steps, where no callback is called.
  streamed.clear();
  tokens = 0;
  Engine engine(parts(), with_window(1));
  const RequestId id = engine.submit(job, [&](const Piece& piece) {
    collect(piece);
    return true;
  });
  while (tokens <= last) engine.step();
  engine.cancel(id);
  EXPECT_EQ(engine.take(id).value().text, text.after[last]);
  EXPECT_EQ(streamed + "a", text.after[last]);
}

// What a callback cancels, be it its own request or one that has its turn later
// in the same step, is there until no callback runs.
TEST_F(TextEndsTest, ACallbackMayCancelItsOwnRequestAndLaterOnes) {
  for (const std::int64_t window : {1, 4}) {
    Engine engine(parts(), with_window(window));
    std::vector<RequestId> ids;
    std::vector<std::vector<Token>> seen(3);
    const auto submit = [&](std::uint64_t seed, auto on_token) {
      const size_t i = ids.size();
      ids.push_back(
          engine.submit(request(seed), [&, i, on_token](const Piece& piece) {
            if (piece.token < 0) return true;  // half a character
            seen[i].push_back(piece.token);
            on_token(seen[i].size());
            return true;
          }));
    };
    const auto nothing = [](size_t) {};
    submit(1, [&](size_t count) {
      if (count != 3) return;
      for (const size_t i : {0, 2}) {
        engine.cancel(ids[i]);
        EXPECT_FALSE(engine.take(ids[i]).has_value());
        EXPECT_EQ(engine.prompt_progress(ids[i]), 1);
      }
    });
    submit(2, nothing);
    submit(3, nothing);
    while (engine.step()) {
    }
    for (const size_t i : {0, 1, 2}) {
      const Generation found = engine.take(ids[i]).value();
      EXPECT_EQ(found.finish_reason,
                i == 1 ? FinishReason::kMaxTokens : FinishReason::kCancelled);
      std::vector<Token> expected = known_text(i + 1).tokens;
      if (i != 1) expected.resize(seen[i].size());
      EXPECT_EQ(found.tokens, expected);
      EXPECT_EQ(seen[i], expected);
      expect_counts_fit(found);
    }
    EXPECT_EQ(seen[0].size(), 3u);
  }
}

TEST_F(TextEndsTest, TheModelsOwnEndTokensEndATextUnlessIgnored) {
  const KnownText text = known_text();
  const Token end = text.tokens[12];
  const auto first = std::ranges::find(text.tokens, end);
  EngineParts ending = parts();
  ending.end_tokens = {end};
  Engine engine(ending, with_window(4));
  Request job = request();
  const Generation found = engine.generate(job);
  EXPECT_EQ(found.finish_reason, FinishReason::kStopToken);
  EXPECT_EQ(found.tokens, std::vector(text.tokens.begin(), first + 1));
  job.ignore_eos = true;
  EXPECT_EQ(engine.generate(job).tokens, text.tokens);
}

// The first token's time is taken before anyone sees it.
TEST_F(TextEndsTest, TheFirstTokenHasItsOwnTime) {
  using Clock = std::chrono::steady_clock;
  Engine engine(parts(), with_window(4));
  const Clock::time_point start = Clock::now();
  Clock::time_point first;
  int tokens = 0;
  const Generation found = engine.generate(request(), [&](const Piece&) {
    if (tokens++ == 0) {
      first = Clock::now();
      while (Clock::now() == first) {  // what follows comes later by the clock
      }
    }
    return true;
  });
  EXPECT_LE(found.stats.ttft_seconds,
            std::chrono::duration<double>(first - start).count());
  EXPECT_GT(found.stats.decode_seconds, 0);
  EXPECT_GT(found.stats.tokens_per_second, 0);
}

}  // namespace
}  // namespace pilotfish
