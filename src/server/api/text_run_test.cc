// What becomes of answers whose clients go away, whose readers are slow, or
// whose server has no room for them.

#include "server/api/text_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "server/testing/api_fixture.h"
#include "speculative/testing/gated_scorer.h"

namespace pilotfish::server {
namespace {

using testing::ApiFixture;
using testing::FakeExchange;
using testing::Json;

class TextRunTest : public ApiFixture {
 protected:
  ~TextRunTest() override { gate_->open(); }

  void serve_gated(std::int64_t sequences, ServiceOptions options = {}) {
    context_.model.vocab_size = 16;
    EngineParts parts;
    parts.target = gate_;
    auto tokenizer = std::make_shared<pilotfish::testing::ToyTokenizer>(16);
    parts.tokenizer = tokenizer;
    serve(std::move(parts), tokenizer, {}, sequences, options);
    context_.on_finished = [this](const FinishedRequest& finished) {
      finished_.push_back(finished);
    };
  }
  std::shared_ptr<FakeExchange> start(bool streams, int tokens = 20) {
    return open(
        "POST", "/v1/completions",
        Json{{"prompt", {1, 4}}, {"max_tokens", tokens}, {"stream", streams}}
            .dump());
  }
  void run_until_finished(std::size_t count) {
    loop_.run_until([&] { return finished_.size() >= count; });
  }

  std::shared_ptr<test::GatedScorer> gate_ =
      std::make_shared<test::GatedScorer>(std::make_shared<test::TableScorer>(
          test::LogitTable(16, 11, 1), 128));
  std::vector<FinishedRequest> finished_;
};

TEST_F(TextRunTest, AClientThatGoesAwayFreesItsPlace) {
  serve_gated(1);
  const auto running = start(true);
  const auto queued = start(false);
  gate_->wait_for(1);
  queued->leave();
  running->leave();
  gate_->open();
  run_until_finished(2);
  for (const FinishedRequest& finished : finished_) {
    EXPECT_EQ(finished.end, TicketEnd::kCancelled);
    EXPECT_EQ(finished.finish_reason, FinishReason::kCancelled);
    EXPECT_LT(finished.stats.generated_tokens, 20);
  }
  // Nothing was written to who has gone.
  EXPECT_FALSE(queued->done());
  EXPECT_FALSE(running->done());
  // And there is room.
  EXPECT_EQ(
      ask("POST", "/v1/completions", R"({"prompt": [1], "max_tokens": 2})")
          ->head.status,
      200);
}

TEST_F(TextRunTest, AFullQueueSaysWhenToComeAgain) {
  serve_gated(1, {.max_waiting = 0});
  const auto first = start(false);
  const auto second = start(false);
  ASSERT_TRUE(second->responded);
  EXPECT_EQ(second->head.status, 429);
  EXPECT_EQ(second->head.headers.at("retry-after"), "1");
  EXPECT_EQ(Json::parse(second->head.body)["error"]["code"], "queue_full");
  gate_->open();
  finish(*first);
  EXPECT_EQ(first->head.status, 200);
}

TEST_F(TextRunTest, AllTextsOfARequestAreTakenOrNone) {
  serve_gated(2, {.max_waiting = 0});
  const auto refused = ask("POST", "/v1/completions",
                           R"({"prompt": [1], "n": 3, "max_tokens": 2})");
  EXPECT_EQ(refused->head.status, 429);
  gate_->open();
  context_.service->drain();
  EXPECT_EQ(context_.service->status().engine.running, 0);
}

TEST_F(TextRunTest, ASlowReaderIsWaitedForAndLosesNothing) {
  serve_gated(2);
  gate_->open();
  const std::string whole = Json::parse([&] {
    const auto exchange = start(false);
    finish(*exchange);
    return exchange->head.body;
  }())["choices"][0]["text"];
  const auto slow = start(true);
  slow->backlog = context_.max_unsent + 1;
  // The other one is not held up.
  const auto other = start(true);
  finish(*other);
  loop_.run_until([&] { return slow->timers.size() >= 2; });  // ping and retry
  EXPECT_FALSE(slow->began);
  slow->backlog = 0;
  slow->fire_timers();
  finish(*slow);
  std::string text;
  for (const Json& chunk : testing::chunks_of(slow->written)) {
    text += chunk["choices"][0]["text"];
  }
  EXPECT_EQ(text, whole);
}

TEST_F(TextRunTest, AReaderThatStaysAwayIsCutOff) {
  serve_gated(1, {.max_untaken = 4});
  const auto slow = start(true);
  slow->backlog = context_.max_unsent + 1;
  gate_->open();
  loop_.run_until([&] { return slow->timers.size() >= 2; });
  context_.service->drain();
  slow->backlog = 0;
  slow->fire_timers();
  finish(*slow);
  const auto events = testing::events_of(slow->written);
  EXPECT_EQ(events.back().name, "error");
  EXPECT_EQ(events.back().data["error"]["code"], "slow_reader");
  EXPECT_EQ(finished_.at(0).end, TicketEnd::kUntaken);
}

TEST_F(TextRunTest, ALongPromptIsAnsweredWithPings) {
  serve_gated(1);
  const auto exchange = start(true, 3);
  EXPECT_FALSE(exchange->began);
  exchange->fire_timers();
  EXPECT_TRUE(exchange->began);
  EXPECT_EQ(exchange->written, ": ping\n\n");
  exchange->fire_timers();
  gate_->open();
  finish(*exchange);
  EXPECT_THAT(exchange->written, ::testing::StartsWith(": ping\n\n: ping\n\n"));
  EXPECT_EQ(testing::chunks_of(exchange->written)
                .back()["choices"][0]["finish_reason"],
            "length");
}

TEST_F(TextRunTest, AFailureIsAStatusBeforeTheFirstByteAndAnEventAfterIt) {
  const auto serve_damaged = [this] {
    context_.model.vocab_size = 16;
    test::LogitTable table(16, 11, 1);
    for (int context = 0; context < 11; ++context) table.damage(context, 3);
    EngineParts parts;
    parts.target = std::make_shared<test::TableScorer>(table, 128);
    auto tokenizer = std::make_shared<pilotfish::testing::ToyTokenizer>(16);
    parts.tokenizer = tokenizer;
    serve(std::move(parts), tokenizer, {});
  };
  serve_damaged();
  const auto early = start(true);
  const auto late = start(true);
  late->fire_timers();  // a ping
  finish(*early);
  finish(*late);
  EXPECT_EQ(early->head.status, 500);
  EXPECT_THAT(early->head.body, ::testing::HasSubstr("NaN"));
  const auto events = testing::events_of(late->written);
  EXPECT_EQ(events.back().name, "error");
  EXPECT_EQ(events.back().data["error"]["type"], "server_error");
}

TEST_F(TextRunTest, WhatTheServiceCancelsIsToldAsUnavailable) {
  serve_gated(1);
  const auto whole = start(false);
  const auto stream = start(true);
  gate_->wait_for(1);
  context_.service->cancel_all();
  gate_->open();
  finish(*whole);
  finish(*stream);
  EXPECT_EQ(whole->head.status, 503);
  EXPECT_EQ(start(false)->head.status, 503);
}

TEST_F(TextRunTest, ATimeLimitEndsATextWithWhatThereIs) {
  context_.time_limit = std::chrono::milliseconds(0);
  serve_gated(1);
  const auto exchange = start(true);
  gate_->open();
  finish(*exchange);
  const auto chunks = testing::chunks_of(exchange->written);
  EXPECT_EQ(chunks.back()["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(finished_.at(0).end, TicketEnd::kTimedOut);
}

TEST_F(TextRunTest, TellsWhatARequestTook) {
  serve_gated(1);
  gate_->open();
  const auto exchange = start(true, 7);
  finish(*exchange);
  ASSERT_EQ(finished_.size(), 1u);
  EXPECT_EQ(finished_[0].route, "/v1/completions");
  EXPECT_EQ(finished_[0].id, exchange->request().id);
  EXPECT_TRUE(finished_[0].streamed);
  EXPECT_EQ(finished_[0].end, TicketEnd::kFinished);
  EXPECT_EQ(finished_[0].stats.generated_tokens, 7);
  EXPECT_EQ(finished_[0].stats.prompt_tokens, 2);
}

TEST_F(TextRunTest, TheHandlersEndCancelsWhatRuns) {
  serve_gated(1);
  const auto exchange = start(true);
  gate_->wait_for(1);
  api_ = nullptr;
  gate_->open();
  context_.service->drain();
  EXPECT_FALSE(exchange->done());
}

}  // namespace
}  // namespace pilotfish::server
