// A text that broke off goes on where it ended, to the bits that it would have
// had: the engine on tables of logits.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/testing/toy_tokenizer.h"
#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish {
namespace {

EngineParts resumable_parts() {
  constexpr std::int64_t kIds = 16;
  const test::LogitTable table(kIds, 11, 1);
  EngineParts parts;
  parts.target = std::make_shared<test::TableScorer>(table, 96);
  parts.draft = std::make_shared<test::TableScorer>(
      test::LogitTable::like(table, 2, 0.7f), 96);
  parts.tokenizer = std::make_shared<testing::ToyTokenizer>(kIds);
  return parts;
}

// Sampling in which all that was generated before counts.
Request request(double temperature) {
  Request request;
  request.prompt = {1, 5};
  request.max_tokens = 40;
  request.logprobs = 2;
  request.sampling.temperature = temperature;
  request.sampling.seed = 3;
  request.sampling.frequency_penalty = 0.3;
  request.sampling.min_tokens = 12;
  return request;
}

struct Whole {
  Generation result;
  std::vector<std::string> after;  // the text handed on with each token
};

Whole whole_text(const Request& wanted, const EngineOptions& options) {
  Engine engine(resumable_parts(), options);
  Whole whole;
  std::string text;
  whole.result = engine.generate(wanted, [&](const Piece& piece) {
    text += piece.text;
    if (piece.token >= 0) whole.after.push_back(text);
    return true;
  });
  return whole;
}

class Resume : public ::testing::TestWithParam<std::int64_t> {
 protected:
  EngineOptions options() const {
    return {.max_sequences = 2,
            .window = GetParam(),
            .acceptor = make_acceptor("coupled")};
  }

  // Goes on behind each place in turn, the end among them.
  void expect_the_same_from_everywhere(const Request& wanted) const {
    const Whole whole = whole_text(wanted, options());
    const std::vector<Token>& tokens = whole.result.tokens;
    ASSERT_GT(tokens.size(), 5u);
    for (size_t i = 0; i <= tokens.size(); ++i) {
      const auto end = static_cast<std::ptrdiff_t>(i);
      Request rest = wanted;
      rest.resumed.assign(tokens.begin(), tokens.begin() + end);
      Engine other(resumable_parts(), options());
      std::string pieces;
      const Generation result = other.generate(rest, [&](const Piece& piece) {
        pieces += piece.text;
        return true;
      });
      EXPECT_EQ(result.tokens,
                std::vector<Token>(tokens.begin() + end, tokens.end()))
          << "behind " << i;
      EXPECT_EQ((i == 0 ? "" : whole.after[i - 1]) + result.text,
                whole.result.text);
      EXPECT_EQ(pieces, result.text);
      EXPECT_EQ(result.finish_reason, whole.result.finish_reason);
      EXPECT_EQ(result.logprobs.size(), result.tokens.size());
      if (result.tokens.empty()) continue;
      EXPECT_EQ(result.logprobs.back().logprob,
                whole.result.logprobs.back().logprob);
      EXPECT_EQ(result.stats.generated_tokens, std::ssize(result.tokens));
    }
  }
};

TEST_P(Resume, GreedyAndSampledTextsGoOnToTheSameBits) {
  for (const double temperature : {0.0, 1.5}) {
    expect_the_same_from_everywhere(request(temperature));
  }
}

TEST_P(Resume, UpToAStopStringThatLiesAcrossTheBreak) {
  const Whole free = whole_text(request(1.5), options());
  // Text of the middle, across several tokens.
  const std::string before = free.after[20];
  const std::string behind = free.after[24];
  ASSERT_GT(behind.size(), before.size());
  Request wanted = request(1.5);
  wanted.stop_strings = {behind.substr(before.size())};
  expect_the_same_from_everywhere(wanted);
}

// It broke off between its last token and the news of its end. What may begin
// a stop string was held back until then.
TEST_P(Resume, ATextThatWasCompleteSaysWhyItEnded) {
  const Whole free = whole_text(request(1.5), options());
  Request wanted = request(1.5);
  std::size_t last = free.result.text.size() - 1;
  while ((free.result.text[last] & 0xC0) == 0x80) --last;  // of a character
  wanted.stop_strings = {free.result.text.substr(last) + "."};
  ASSERT_EQ(free.result.finish_reason, FinishReason::kMaxTokens);
  ASSERT_LT(whole_text(wanted, options()).after.back().size(),
            free.result.text.size());
  expect_the_same_from_everywhere(wanted);
  wanted = request(1.5);
  wanted.stop_ids = {free.result.tokens[20]};
  ASSERT_EQ(whole_text(wanted, options()).result.finish_reason,
            FinishReason::kStopToken);
  expect_the_same_from_everywhere(wanted);
  wanted = request(1.5);
  wanted.max_tokens = -1;
  ASSERT_EQ(whole_text(wanted, options()).result.finish_reason,
            FinishReason::kNPositions);
  expect_the_same_from_everywhere(wanted);
}

INSTANTIATE_TEST_SUITE_P(Windows, Resume, ::testing::Values(1, 4, kAutoWindow));

TEST(ResumeRefused, WhatGoesOnBehindItsEnd) {
  Engine engine(resumable_parts(), {});
  Request wanted = request(0);
  wanted.max_tokens = 2;
  wanted.resumed = {4, 5, 6};
  EXPECT_THROW(engine.submit(wanted), UsageError);
  wanted.max_tokens = 40;
  wanted.stop_ids = {5};
  EXPECT_THROW(engine.submit(wanted), UsageError);
  wanted.stop_ids = {};
  wanted.resumed = {4, 16};  // there is no such token
  EXPECT_THROW(engine.submit(wanted), UsageError);
  const std::string text = whole_text(request(0), {}).result.text;
  wanted = request(0);
  wanted.sampling.min_tokens = 0;
  wanted.resumed = whole_text(request(0), {}).result.tokens;
  wanted.max_tokens = 80;
  ASSERT_GT(text.size(), 8u);
  wanted.stop_strings = {text.substr(4, 3)};
  EXPECT_THROW(engine.submit(wanted), UsageError);
}

}  // namespace
}  // namespace pilotfish
