// Log-probabilities of a prompt's tokens, compared with the softmax of the
// tables that the engine runs on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish {
namespace {

using test::LogitTable;
using test::TableScorer;

constexpr std::int64_t kScoredIds = 16;

LogitTable scoring_table() { return LogitTable(kScoredIds, 11, 1); }

EngineParts scoring_parts(const LogitTable& target, std::int64_t pool = 0) {
  EngineParts parts;
  parts.target = std::make_shared<TableScorer>(target, 96, 64, pool);
  parts.draft = std::make_shared<TableScorer>(
      LogitTable::like(scoring_table(), 2, 0.7f), 96, 64, pool);
  return parts;
}

Request scored_request(std::int64_t length, unsigned seed) {
  Request request;
  for (std::int64_t i = 0; i < length; ++i) {
    request.prompt.push_back(
        static_cast<Token>((seed + 3 * i + i * i) % kScoredIds));
  }
  request.max_tokens = 6;
  request.logprobs = 2;
  request.prompt_logprobs = true;
  return request;
}

void expect_scores_of(const std::vector<Token>& prompt,
                      const std::vector<TokenLogprobs>& scores) {
  const LogitTable table = scoring_table();
  ASSERT_EQ(scores.size(), prompt.size() - 1);
  for (size_t i = 1; i < prompt.size(); ++i) {
    const auto row = table.row(std::span(prompt).first(i));
    double sum = 0;
    for (const float logit : row) sum += std::exp(double{logit});
    const auto expected = [&](Token token) {
      return row[static_cast<size_t>(token)] - std::log(sum);
    };
    EXPECT_NEAR(scores[i - 1].logprob, expected(prompt[i]), 1e-5) << i;
    ASSERT_EQ(scores[i - 1].top.size(), 2u);
    for (const TokenLogprobs::Candidate& one : scores[i - 1].top) {
      EXPECT_NEAR(one.logprob, expected(one.token), 1e-5) << i;
    }
  }
}

// However the prompt is cut into chunks, and whatever the cache has of it.
TEST(PromptLogprobs, AreOfEveryTokenButTheFirst) {
  for (const std::int64_t chunk : {1, 4, 512}) {
    for (const std::int64_t length : {1, 2, 40, 90}) {
      Engine engine(scoring_parts(scoring_table()),
                    {.max_sequences = 2, .prefill_chunk = chunk});
      const Request request = scored_request(length, 5);
      Request plain = request;
      plain.prompt_logprobs = false;
      const Generation without = engine.generate(plain);
      EXPECT_TRUE(without.prompt_logprobs.empty());
      std::vector<TokenLogprobs> told;
      int pieces = 0;
      const Generation with = engine.generate(request, [&](const Piece& piece) {
        if (pieces++ == 0) {
          told.assign(piece.prompt_logprobs.begin(),
                      piece.prompt_logprobs.end());
        } else {
          EXPECT_TRUE(piece.prompt_logprobs.empty());
        }
        return true;
      });
      expect_scores_of(request.prompt, with.prompt_logprobs);
      expect_scores_of(request.prompt, told);
      EXPECT_EQ(with.tokens, without.tokens);
      EXPECT_EQ(with.logprobs.size(), with.tokens.size());
      EXPECT_EQ(with.stats.reused_tokens, 0);
      // The next one finds what this one has encoded.
      EXPECT_EQ(engine.generate(plain).stats.reused_tokens > 0, length > 1);
    }
  }
}

// Beside others, and put back for want of memory in the middle of a prompt.
TEST(PromptLogprobs, DoNotDependOnNeighboursOrMemory) {
  std::int64_t preemptions = 0;
  for (const std::int64_t pool : {0, 160}) {
    Engine engine(scoring_parts(scoring_table(), pool),
                  {.max_sequences = 4, .prefill_chunk = 8, .mixed_chunk = 3});
    std::vector<RequestId> ids;
    std::vector<Request> requests;
    for (unsigned i = 0; i < 8; ++i) {
      Request request = scored_request(30 + i, i % 3);
      request.max_tokens = 40;
      request.prompt_logprobs = i % 2 == 0;
      ids.push_back(engine.submit(request));
      requests.push_back(request);
    }
    while (engine.step()) {
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      const Generation result = engine.take(ids[i]).value();
      preemptions += result.stats.preemptions;
      if (!requests[i].prompt_logprobs) continue;
      expect_scores_of(requests[i].prompt, result.prompt_logprobs);
      Engine alone(scoring_parts(scoring_table()), {});
      EXPECT_EQ(result.tokens, alone.generate(requests[i]).tokens);
    }
  }
  EXPECT_GT(preemptions, 0);
}

TEST(PromptLogprobs, ANanInsideOfThePromptFailsTheRequestAlone) {
  LogitTable damaged = scoring_table();
  const Request request = scored_request(20, 5);
  const std::vector<Token>& prompt = request.prompt;
  // The row behind the first ten tokens.
  const std::int64_t context = (7 * prompt[9] + 3 * prompt[8] + 10) % 11;
  damaged.damage(context, 2);
  Engine engine(scoring_parts(damaged), {.max_sequences = 2});
  const RequestId id = engine.submit(request);
  Request other = scored_request(1, context == 1 ? 1 : 0);
  other.max_tokens = 1;
  const RequestId neighbour = engine.submit(other);
  while (engine.step()) {
  }
  try {
    engine.take(id);
    ADD_FAILURE() << "nothing was said";
  } catch (const UsageError&) {
    ADD_FAILURE() << "it is the model's fault";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("target model: the logits for position"));
  }
  EXPECT_EQ(engine.take(neighbour).value().tokens.size(), 1u);
}

TEST(PromptLogprobs, NeedLogprobs) {
  Engine engine(scoring_parts(scoring_table()), {});
  Request request = scored_request(4, 1);
  request.logprobs = std::nullopt;
  EXPECT_THROW(engine.submit(request), UsageError);
}

}  // namespace
}  // namespace pilotfish
