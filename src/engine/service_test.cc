// Many threads that use one engine at once: what each gets is what it would get
// alone, whatever the others do.

#include "pilotfish/service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "engine/testing/toy_tokenizer.h"
#include "speculative/testing/gated_scorer.h"
#include "speculative/testing/table_scorer.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using namespace std::chrono_literals;
using test::GatedScorer;
using test::LogitTable;
using test::TableScorer;

constexpr std::int64_t kWords = 16;

LogitTable served_table() { return LogitTable(kWords, 11, 1); }

EngineParts served_parts(std::int64_t pool = 0) {
  EngineParts parts;
  parts.target = std::make_shared<TableScorer>(served_table(), 128, 64, pool);
  parts.draft = std::make_shared<TableScorer>(
      LogitTable::like(served_table(), 2, 0.7f), 128, 64, pool);
  parts.tokenizer = std::make_shared<testing::ToyTokenizer>(kWords);
  return parts;
}

std::unique_ptr<Engine> engine_with(EngineParts parts,
                                    std::int64_t sequences = 4) {
  return std::make_unique<Engine>(
      std::move(parts), EngineOptions{.max_sequences = sequences,
                                      .acceptor = make_acceptor("coupled")});
}

Request served_request(std::uint64_t seed, std::int64_t tokens = 40) {
  Request request;
  request.prompt = {1, static_cast<Token>(seed % kWords)};
  request.max_tokens = tokens;
  request.sampling.temperature = 1.2;
  request.sampling.seed = seed;
  return request;
}

Generation alone(const Request& request) {
  Engine engine(served_parts(),
                {.window = 1, .acceptor = make_acceptor("coupled")});
  return engine.generate(request);
}

// All of a ticket's text, piece by piece.
std::string read_all(Ticket& ticket) {
  std::string text;
  while (true) {
    const auto pieces = ticket.wait();
    if (pieces.empty()) return text;
    for (const TextPiece& piece : pieces) text += piece.text;
  }
}

TEST(ServiceTest, ATextIsTheSameWhateverElseIsGoingOn) {
  constexpr std::uint64_t kThreads = 6;
  constexpr std::uint64_t kEach = 25;
  // The second has memory for little more than one text.
  for (const std::int64_t pool : {0, 160}) {
    Service service(engine_with(served_parts(pool)));
    std::vector<std::thread> threads;
    std::atomic<int> compared = 0;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::mt19937_64 random(thread);
        for (std::uint64_t i = 0; i < kEach; ++i) {
          const Request request = served_request(
              thread * kEach + i, static_cast<std::int64_t>(1 + random() % 60));
          Ticket ticket = service.submit(request);
          if (random() % 4 == 0) {  // goes away at some moment
            if (random() % 2 == 0) ticket.wait();
            continue;
          }
          const std::string text = read_all(ticket);
          const Generation result = ticket.result();
          const Generation expected = alone(request);
          EXPECT_EQ(text, expected.text);
          EXPECT_EQ(result.tokens, expected.tokens);
          EXPECT_EQ(ticket.end(), TicketEnd::kFinished);
          ++compared;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    service.drain();
    EXPECT_GT(compared, 80);
    EXPECT_EQ(service.status().engine.running, 0);
    EXPECT_EQ(service.status().engine.waiting, 0);
    EXPECT_EQ(service.status().failed_passes, 0);
  }
}

TEST(ServiceTest, CountsTheTokensOfAllTexts) {
  Service service(engine_with(served_parts()));
  Ticket one = service.submit(served_request(3));
  Ticket cancelled = service.submit(served_request(4));
  cancelled.wait();
  cancelled.cancel();
  const std::size_t tokens =
      one.result().tokens.size() + cancelled.result().tokens.size();
  service.drain();
  EXPECT_EQ(service.status().engine.generated_tokens, tokens);
}

TEST(ServiceTest, TheLastTokenOfAnIterationBringsIt) {
  Service service(engine_with(served_parts()));
  for (const bool keeps : {true, false}) {
    Request request = served_request(3);
    request.keep_proposals = keeps;
    Ticket ticket = service.submit(request);
    std::vector<IterationStats> iterations;
    std::int64_t emitted = 0;
    for (auto pieces = ticket.wait(); !pieces.empty(); pieces = ticket.wait()) {
      for (const TextPiece& piece : pieces) {
        emitted += piece.token >= 0;
        if (!piece.iteration) continue;
        EXPECT_EQ(piece.iteration->emitted, emitted);
        emitted = 0;
        iterations.push_back(*piece.iteration);
      }
    }
    const GenerationStats stats = ticket.result().stats;
    ASSERT_EQ(iterations.size(), keeps ? stats.iterations.size() : 0);
    for (size_t i = 0; i < iterations.size(); ++i) {
      EXPECT_EQ(iterations[i].drafted, stats.iterations[i].drafted);
      EXPECT_EQ(std::ssize(iterations[i].proposals), iterations[i].drafted);
    }
  }
}

TEST(ServiceTest, RefusesWhatCannotRunAtOnce) {
  Service service(engine_with(served_parts()));
  Request request = served_request(1);
  request.prompt = {kWords};
  EXPECT_THROW(service.submit(request), UsageError);
  request = served_request(1);
  request.prompt.clear();
  EXPECT_THROW(service.submit(request), UsageError);
}

struct Gated {
  std::shared_ptr<GatedScorer> gate = std::make_shared<GatedScorer>(
      std::make_shared<TableScorer>(served_table(), 128));
  std::unique_ptr<Engine> engine(std::int64_t sequences) const {
    EngineParts parts;
    parts.target = gate;
    parts.tokenizer = std::make_shared<testing::ToyTokenizer>(kWords);
    return engine_with(std::move(parts), sequences);
  }
};

TEST(ServiceTest, TheQueueIsBoundedAndEmptiesAgain) {
  const Gated gated;
  Service service(gated.engine(1), {.max_waiting = 2});
  std::vector<Ticket> tickets;
  for (std::uint64_t i = 0; i < 3; ++i) {
    tickets.push_back(service.submit(served_request(i, 5)));
  }
  EXPECT_THROW(service.submit(served_request(9)), QueueFull);
  gated.gate->open();
  for (Ticket& ticket : tickets) EXPECT_EQ(ticket.result().tokens.size(), 5u);
  service.drain();
}

TEST(ServiceTest, ACancelledRequestLeavesItsPlace) {
  const Gated gated;
  Service service(gated.engine(1));
  Ticket running = service.submit(served_request(1));
  gated.gate->wait_for(1);
  Ticket queued = service.submit(served_request(2));
  Ticket next = service.submit(served_request(3, 5));
  queued.cancel();
  running.cancel();
  gated.gate->open();
  EXPECT_EQ(next.result().tokens.size(), 5u);
  EXPECT_EQ(running.end(), TicketEnd::kCancelled);
  EXPECT_LE(running.result().tokens.size(), 1u);
  EXPECT_EQ(queued.end(), TicketEnd::kCancelled);
  EXPECT_TRUE(queued.result().tokens.empty());
}

TEST(ServiceTest, WhoGoesAwayCancels) {
  const Gated gated;
  Service service(gated.engine(1));
  {
    const Ticket forgotten = service.submit(served_request(1, 100));
    gated.gate->wait_for(1);
  }
  gated.gate->let_through(2);
  gated.gate->open();
  service.drain();
  EXPECT_LT(service.status().passes, 20);
}

TEST(ServiceTest, ATimeLimitEndsATextWithWhatThereIs) {
  const Gated gated;
  Service service(gated.engine(1));
  Ticket blocking = service.submit(served_request(1, 5));
  gated.gate->wait_for(1);
  Ticket late = service.submit(served_request(2), {.time_limit = 0ms});
  gated.gate->open();
  EXPECT_TRUE(late.result().tokens.empty());
  EXPECT_EQ(late.end(), TicketEnd::kTimedOut);
  EXPECT_EQ(blocking.result().tokens.size(), 5u);
}

TEST(ServiceTest, PiecesThatNobodyTakesEndTheRequest) {
  Service service(engine_with(served_parts()), {.max_untaken = 6});
  Ticket silent = service.submit(served_request(1, 60));
  Ticket whole = service.submit(served_request(1, 60), {.streams = false});
  EXPECT_EQ(whole.result().tokens, alone(served_request(1, 60)).tokens);
  EXPECT_LE(silent.result().tokens.size(), 7u);
  EXPECT_EQ(silent.end(), TicketEnd::kUntaken);
  EXPECT_EQ(whole.end(), TicketEnd::kFinished);
}

TEST(ServiceTest, APassThatFailsTakesOnlyThoseThatWereInIt) {
  EngineParts parts;
  parts.target = std::make_shared<test::FailingScorer>(
      std::make_shared<TableScorer>(served_table(), 128), 3);
  Service service(engine_with(std::move(parts), 1));
  Ticket unlucky = service.submit(served_request(1));
  Ticket next = service.submit(served_request(2, 5));
  EXPECT_THROW(unlucky.result(), Error);
  EXPECT_EQ(unlucky.end(), TicketEnd::kFailed);
  EXPECT_EQ(next.result().tokens, alone(served_request(2, 5)).tokens);
  EXPECT_EQ(service.status().failed_passes, 1);
}

TEST(ServiceTest, DrainsWhatItHasAndTakesNoMore) {
  Service service(engine_with(served_parts(), 1));
  std::vector<Ticket> tickets;
  for (std::uint64_t i = 0; i < 4; ++i) {
    tickets.push_back(service.submit(served_request(i)));
  }
  service.drain();
  for (Ticket& ticket : tickets) {
    EXPECT_EQ(ticket.end(), TicketEnd::kFinished);
  }
  EXPECT_THROW(service.submit(served_request(9)), ServiceClosed);
}

TEST(ServiceTest, ATicketOutlivesItsService) {
  std::optional<Ticket> ticket;
  const Gated gated;
  {
    Service service(gated.engine(1));
    ticket = service.submit(served_request(1, 100));
    gated.gate->wait_for(1);
    service.cancel_all();
    gated.gate->open();
  }
  EXPECT_EQ(ticket->end(), TicketEnd::kCancelled);
  EXPECT_LT(ticket->result().tokens.size(), 100u);
}

TEST(ServiceTest, WakesWhoeverWaitsElsewhere) {
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  Service service(engine_with(served_parts()));
  Ticket ticket = service.submit(served_request(1), {.on_ready = [&] {
                                   const std::lock_guard lock(mutex);
                                   ready = true;
                                   changed.notify_all();
                                 }});
  std::string text;
  bool ended = false;
  while (!ended) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ready; });
      ready = false;
    }
    ended = ticket.end().has_value();
    for (const TextPiece& piece : ticket.take()) text += piece.text;
  }
  EXPECT_EQ(text, alone(served_request(1)).text);
}

}  // namespace
}  // namespace pilotfish
