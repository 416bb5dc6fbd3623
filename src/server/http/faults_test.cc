// What clients do by mistake or on purpose, and that the others do not notice.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/http/server.h"
#include "server/http/testing/raw_client.h"
#include "server/http/testing/running_server.h"

namespace pilotfish::server {
namespace {

using std::chrono::milliseconds;
using testing::get;
using testing::Moment;
using testing::post;
using testing::RawClient;
using testing::RunningServer;

constexpr milliseconds kShort{20};
constexpr milliseconds kLong{600'000};

// Limits that no test waits for, but for those that it sets itself.
HttpLimits patient() {
  HttpLimits limits;
  limits.to_send = limits.to_read = limits.idle = limits.to_close = kLong;
  return limits;
}

void answer_ok(const std::shared_ptr<Exchange>& exchange) {
  exchange->respond({.body = "{}"});
}

// Keeps its exchanges, and tells of those whose clients go.
class Silent {
 public:
  Handler handler() {
    return [this](const std::shared_ptr<Exchange>& exchange) {
      exchange->on_gone([this] { gone.happen(); });
      // Like a stream's, but for the bytes.
      if (exchange->request().path == "/stream") exchange->begin_stream({});
      exchanges_.push_back(exchange);
      asked.happen();
    };
  }

  Moment asked;
  Moment gone;

 private:
  std::vector<std::shared_ptr<Exchange>> exchanges_;  // of the loop's thread
};

TEST(HttpFaults, SlowHeadersAndBodies) {
  HttpLimits limits = patient();
  limits.to_send = kShort;
  RunningServer server(answer_ok, limits);
  for (const char* part :
       {"G", "GET / HTTP/1.1\r\nHost: h\r\nX: ",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5"}) {
    RawClient client(server.port());
    client.send(part);
    const auto response = client.read_response();
    ASSERT_TRUE(response) << part;
    EXPECT_EQ(response->status, 408) << part;
    EXPECT_EQ(response->headers.at("connection"), "close");
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_EQ(server.wait_for_record().status, 408);
  }
}

TEST(HttpFaults, AnIdleConnectionIsClosed) {
  HttpLimits limits = patient();
  limits.idle = kShort;
  RunningServer server(answer_ok, limits);
  RawClient silent(server.port());
  EXPECT_EQ(silent.read_to_end(), "");
  RawClient client(server.port());
  client.send(get("/"));
  // Whichever comes first, it is not an error.
  (void)client.read_response();
  EXPECT_EQ(client.read_to_end(), "");
}

// A request that is under way may take as long as it needs.
TEST(HttpFaults, NoLimitIsOnTheHandlersTime) {
  HttpLimits limits = patient();
  limits.to_send = limits.to_read = milliseconds(1);
  RunningServer server(
      [](const std::shared_ptr<Exchange>& exchange) {
        exchange->after(milliseconds(40), [exchange] { answer_ok(exchange); });
      },
      limits);
  RawClient client(server.port());
  client.send(get("/"));
  EXPECT_EQ(client.read_response()->status, 200);
}

TEST(HttpFaults, AReaderThatStopsIsCutOff) {
  HttpLimits limits = patient();
  limits.to_read = kShort;
  RunningServer server(
      [](const std::shared_ptr<Exchange>& exchange) {
        exchange->respond({.body = std::string(64 << 20, 'x')});
      },
      limits);
  RawClient client(server.port());
  client.send(get("/"));
  EXPECT_EQ(server.wait_for_record().end, ExchangeEnd::kTooSlow);
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST(HttpFaults, AStreamsReaderThatStopsIsCutOff) {
  HttpLimits limits = patient();
  limits.unsent_bytes = std::size_t{64} << 20;
  limits.to_read = kShort;
  Moment gone;
  RunningServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        exchange->on_gone([&gone, exchange] { gone.happen(); });
        exchange->begin_stream({});
        exchange->write(std::string(32 << 20, 'x'));
        EXPECT_GT(exchange->unsent(), std::size_t{32} << 20);
      },
      limits);
  RawClient client(server.port());
  client.send(get("/"));
  EXPECT_TRUE(gone.wait());
  EXPECT_EQ(server.wait_for_record().end, ExchangeEnd::kTooSlow);
}

TEST(HttpFaults, AStreamHoldsNoMoreThanItMay) {
  HttpLimits limits = patient();
  limits.unsent_bytes = 1 << 20;
  Moment gone;
  RunningServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        exchange->begin_stream({});
        exchange->on_gone([&gone] { gone.happen(); });
        const std::string piece(64 << 10, 'x');
        for (int i = 0; i < 1000; ++i) {
          exchange->write(piece);
          ASSERT_LE(exchange->unsent(), (std::size_t{1} << 20) + (128 << 10));
        }
      },
      limits);
  RawClient client(server.port());
  client.send(get("/"));
  EXPECT_TRUE(gone.wait());
  EXPECT_EQ(server.wait_for_record().end, ExchangeEnd::kTooSlow);
}

TEST(HttpFaults, AClientThatGoesIsNoticedWhileNothingIsWritten) {
  for (const char* path : {"/", "/stream"}) {
    Silent silent;
    RunningServer server(silent.handler(), patient());
    RawClient client(server.port());
    client.send(get(path));
    ASSERT_TRUE(silent.asked.wait());
    client.close();
    EXPECT_TRUE(silent.gone.wait()) << path;
    EXPECT_EQ(server.wait_for_record().end, ExchangeEnd::kGone);
    EXPECT_TRUE(server.wait_for_connections(0));
  }
}

// It cannot be told from one that is closed.
TEST(HttpFaults, AHalfClosedSocketCountsAsGone) {
  Silent silent;
  RunningServer server(silent.handler(), patient());
  RawClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(silent.asked.wait());
  client.close_half();
  EXPECT_TRUE(silent.gone.wait());
  EXPECT_EQ(client.read_to_end(), "");
}

// What is answered at once reaches it all the same.
TEST(HttpFaults, AHalfClosedSocketGetsWhatIsAnsweredAlready) {
  const std::string large(8 << 20, 'x');
  RunningServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        exchange->respond({.body = large});
      },
      patient());
  RawClient client(server.port());
  client.send(get("/"));
  client.close_half();
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, large);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST(HttpFaults, AHalfRequestThatEndsIsForgotten) {
  RunningServer server(answer_ok, patient());
  for (const char* part : {"GET / HT",
                           "POST / HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 9\r\n\r\nhalf"}) {
    RawClient client(server.port());
    client.send(part);
    client.close_half();
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_EQ(server.wait_for_record().status, 0);
  }
}

// The answer gets through although the client reads it last, and the body is
// never held.
TEST(HttpFaults, ABodyOf100MegabytesIsRefusedAndItsSenderToldSo) {
  HttpLimits limits = patient();
  limits.body_bytes = 1 << 20;
  RunningServer server(answer_ok, limits);
  const std::string megabyte(1 << 20, 'x');
  {
    RawClient client(server.port());
    client.send(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 104857600\r\n\r\n");
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.send(megabyte));
    EXPECT_EQ(client.read_response()->status, 413);
  }
  {
    RawClient client(server.port());
    client.send(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(client.send("100000\r\n" + megabyte + "\r\n"));
    }
    EXPECT_EQ(client.read_response()->status, 413);
  }
  // With "Expect", nothing of it is sent.
  RawClient client(server.port());
  client.send(
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
      "Content-Length: 104857600\r\n\r\n");
  EXPECT_TRUE(client.read_until("\r\n")->starts_with("HTTP/1.1 413 "));
}

// One that sends for ever is not listened to for ever.
TEST(HttpFaults, ARefusedBodyIsReadForAWhileOnly) {
  HttpLimits limits = patient();
  limits.to_close = kShort;
  RunningServer server(answer_ok, limits);
  RawClient client(server.port());
  client.send(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n");
  const std::string piece(1 << 16, 'x');
  while (client.send(piece)) {
  }
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST(HttpFaults, LongHeadersAreRefused) {
  RunningServer server(answer_ok, patient());
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 1000; ++i) {
    client.send("X-" + std::to_string(i) + ": " + std::string(60, 'x') +
                "\r\n");
  }
  EXPECT_EQ(client.read_response()->status, 431);
}

TEST(HttpFaults, GarbageIsAnsweredOrCutOff) {
  HttpLimits limits = patient();
  limits.to_send = milliseconds(200);
  RunningServer server(answer_ok, limits);
  std::mt19937 random(7);
  for (int i = 0; i < 100; ++i) {
    std::string bytes(1 + random() % 3000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    // Some begin like a request.
    if (i % 3 == 0) bytes = "POST / HTTP/1.1\r\n" + bytes;
    if (i % 3 == 1)
      bytes = "GET / HTTP/1.1\r\nHost: h\r\n" + bytes + "\r\n\r\n";
    RawClient client(server.port());
    client.send(bytes);
    const auto response = client.read_response();
    if (response) {
      EXPECT_GE(response->status, 400);
    }
  }
  RawClient client(server.port());
  client.send(get("/"));
  EXPECT_EQ(client.read_response()->status, 200);
}

// It may send requests ahead, but not without end.
TEST(HttpFaults, AFloodOfRequestsIsCut) {
  Silent silent;
  RunningServer server(silent.handler(), patient());
  RawClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(silent.asked.wait());
  std::string many;
  while (many.size() < 1 << 20) many += get("/");
  // All of it is read: the server still notices when the client goes.
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(client.send(many));
  client.close();
  EXPECT_TRUE(silent.gone.wait());
}

TEST(HttpFaults, AThousandIdleConnectionsDisturbNobody) {
  RunningServer server(answer_ok, patient());
  std::vector<RawClient> idle;
  for (int i = 0; i < 1000; ++i) {
    idle.emplace_back(server.port());
    // Some have been used, some not.
    if (i % 4 != 0) continue;
    idle.back().send(get("/"));
    ASSERT_TRUE(idle.back().read_response());
  }
  ASSERT_TRUE(server.wait_for_connections(1000));
  RawClient client(server.port());
  client.send(get("/"));
  EXPECT_EQ(client.read_response()->status, 200);
  for (RawClient& one : idle) {
    one.send(get("/"));
    ASSERT_EQ(one.read_response()->status, 200);
  }
  idle.clear();
  EXPECT_TRUE(server.wait_for_connections(1));
}

TEST(HttpFaults, TheOneIdleLongestMakesRoom) {
  HttpLimits limits = patient();
  limits.connections = 3;
  RunningServer server(answer_ok, limits);
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < 3; ++i) {
    clients.emplace_back(server.port());
    clients[i].send(get("/"));
    ASSERT_TRUE(clients[i].read_response());
  }
  clients[0].send(get("/"));  // now the second is
  ASSERT_TRUE(clients[0].read_response());
  RawClient client(server.port());
  client.send(get("/"));
  EXPECT_EQ(client.read_response()->status, 200);
  EXPECT_EQ(clients[1].read_to_end(), "");
  for (const std::size_t other : {0u, 2u}) {
    clients[other].send(get("/"));
    EXPECT_EQ(clients[other].read_response()->status, 200);
  }
}

TEST(HttpFaults, WhereAllAreBusyTheNextIsTold) {
  HttpLimits limits = patient();
  limits.connections = 2;
  Moment both_busy;
  std::vector<std::shared_ptr<Exchange>> busy;  // of the loop's thread
  RunningServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        busy.push_back(exchange);
        if (busy.size() == 2) both_busy.happen();
      },
      limits);
  RawClient first(server.port());
  RawClient second(server.port());
  first.send(get("/"));
  second.send(get("/"));
  ASSERT_TRUE(both_busy.wait());
  RawClient third(server.port());
  const auto response = third.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->headers.at("retry-after"), "1");
}

// Clients come, ask, and go at any moment; every exchange ends, and each is
// noticed once.
TEST(HttpFaults, ClientsThatComeAndGoAtRandomLeaveNothingBehind) {
  std::atomic<int> asked = 0;
  std::atomic<int> ended = 0;
  RunningServer server(
      [&](const std::shared_ptr<Exchange>& exchange) {
        ++asked;
        // Lives as long as the exchange.
        const auto guard = std::shared_ptr<int>(
            new int(0), [&](const int* it) { delete it, ++ended; });
        exchange->begin_stream({});
        const auto step = std::make_shared<std::function<void(int)>>();
        *step = [exchange, guard, weak = std::weak_ptr(step)](int left) {
          exchange->write("data: x\n\n");
          if (left == 0) return exchange->end();
          const auto self = weak.lock();
          exchange->after(milliseconds(0), [self, left] { (*self)(left - 1); });
        };
        (*step)(static_cast<int>(exchange->request().body.size()));
      },
      patient());
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 150; ++i) {
        RawClient client(server.port());
        std::string bytes = post("/", std::string(random() % 20, 'x'));
        const bool whole = random() % 3 != 0;
        if (!whole) bytes.resize(random() % bytes.size());
        client.send(bytes);
        if (random() % 4 == 0) client.close_half();
        if (!whole) continue;
        if (random() % 3 == 0) client.read_until("data");
        if (random() % 3 == 0) client.read_until("0\r\n\r\n");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(server.wait_for_connections(0));
  server.server().drain();
  EXPECT_TRUE(server.wait_for_end());
  EXPECT_GT(asked, 100);
  EXPECT_EQ(asked, ended);
}

}  // namespace
}  // namespace pilotfish::server
