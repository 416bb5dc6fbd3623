#include "server/http/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "server/http/testing/raw_client.h"
#include "server/http/testing/running_server.h"
#include "test_data.h"

namespace pilotfish::server {
namespace {

using testing::get;
using testing::Moment;
using testing::post;
using testing::RawClient;
using testing::RawResponse;
using testing::RunningServer;

using Shared = std::shared_ptr<Exchange>;

// Tells what it was asked.
void echo(const Shared& exchange) {
  const HttpRequest& request = exchange->request();
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path + " " + request.body;
  exchange->respond(std::move(response));
}

TEST(HttpServer, AnswersOneRequestAfterAnother) {
  RunningServer server(echo);
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(post("/a", "body" + std::to_string(i)));
    const auto response = client.read_response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "POST /a body" + std::to_string(i));
    EXPECT_EQ(response->headers.at("content-type"), "text/plain");
    EXPECT_FALSE(response->headers.contains("connection"));
    const ExchangeRecord record = server.wait_for_record();
    EXPECT_EQ(record.id, response->headers.at("x-request-id"));
    EXPECT_EQ(record.method, "POST");
    EXPECT_EQ(record.path, "/a");
    EXPECT_EQ(record.status, 200);
    EXPECT_EQ(record.body_bytes, 5u);
    EXPECT_GT(record.answer_bytes, response->body.size());
    EXPECT_EQ(record.end, ExchangeEnd::kSent);
    EXPECT_TRUE(record.client.starts_with("127.0.0.1:")) << record.client;
  }
}

TEST(HttpServer, KeepsTheClientsIdWhereItIsOne) {
  RunningServer server(echo);
  RawClient client(server.port());
  client.send(get("/", "X-Request-Id: my-1.2_3\r\n"));
  EXPECT_EQ(client.read_response()->headers.at("x-request-id"), "my-1.2_3");
  for (const std::string& bad : {std::string("a b"), std::string(129, 'a')}) {
    client.send(get("/", "X-Request-Id: " + bad + "\r\n"));
    EXPECT_EQ(client.read_response()->headers.at("x-request-id").size(), 16u);
  }
}

// The next request is looked at when the one before has been answered.
TEST(HttpServer, AnswersPipelinedRequestsInTheirOrder) {
  std::vector<Shared> waiting;  // of the loop's thread
  RunningServer server([&](const Shared& exchange) {
    EXPECT_TRUE(waiting.empty());
    waiting.push_back(exchange);
    exchange->post([&] {
      const Shared first = std::move(waiting.front());
      waiting.clear();
      echo(first);
    });
  });
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += post("/" + std::to_string(i), "x");
  client.send(requests);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.read_response()->body,
              "POST /" + std::to_string(i) + " x");
  }
}

TEST(HttpServer, HeadIsGetWithoutTheBody) {
  RunningServer server(echo);
  RawClient client(server.port());
  client.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + get("/b"));
  const auto head = client.read_response(true);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->headers.at("content-length"), "7");
  EXPECT_EQ(client.read_response()->body, "GET /b ");
  EXPECT_EQ(server.wait_for_record().method, "HEAD");
}

TEST(HttpServer, HandsOnOtherMethods) {
  RunningServer server(echo);
  RawClient client(server.port());
  client.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read_response()->body, "OPTIONS * ");
}

TEST(HttpServer, ClosesWhereTheClientAsksForIt) {
  RunningServer server(echo);
  RawClient client(server.port());
  client.send(get("/a", "Connection: close\r\n"));
  const auto response = client.read_response();
  EXPECT_EQ(response->headers.at("connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE([&] {
    client.close();
    return server.wait_for_connections(0);
  }());
}

TEST(HttpServer, SpeaksWithOldClients) {
  RunningServer server([](const Shared& exchange) {
    if (exchange->request().path == "/stream") {
      exchange->begin_stream({});
      exchange->write("one ");
      exchange->write("two");
      return exchange->end();
    }
    echo(exchange);
  });
  RawClient client(server.port());
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto kept = client.read_response();
  EXPECT_EQ(kept->headers.at("connection"), "keep-alive");
  // They know no chunks: a stream ends with the connection.
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto stream = client.read_response();
  EXPECT_EQ(stream->headers.at("connection"), "close");
  EXPECT_FALSE(stream->headers.contains("transfer-encoding"));
  EXPECT_EQ(stream->body, "one two");
}

TEST(HttpServer, StreamsEventsAsTheyCome) {
  std::promise<Shared> opened;
  RunningServer server([&](const Shared& exchange) {
    HttpResponse head;
    head.content_type = "text/event-stream";
    head.body = ": first\n\n";
    exchange->begin_stream(std::move(head));
    opened.set_value(exchange);
  });
  RawClient client(server.port());
  client.send(post("/", "{}"));
  const auto head = client.read_until("\r\n\r\n");
  ASSERT_TRUE(head);
  const RawResponse response = RawClient::parse_head(*head);
  EXPECT_EQ(response.headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(response.headers.at("cache-control"), "no-store");
  EXPECT_EQ(response.headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(client.read_until(": first\n\n\r\n"), "9\r\n: first\n\n\r\n");
  const Shared exchange = opened.get_future().get();
  for (int i = 0; i < 10; ++i) {
    // Each is there before the next one is written.
    const std::string event = "data: " + std::to_string(i) + "\n\n";
    exchange->post([&] { exchange->write(event); });
    EXPECT_EQ(client.read_until("\n\n\r\n"), "9\r\n" + event + "\r\n");
  }
  exchange->post([&] {
    exchange->write("");  // is no chunk, which would end the stream
    exchange->end();
    exchange->write("too late");
  });
  EXPECT_EQ(client.read_until("\r\n\r\n"), "0\r\n\r\n");
  client.send(get("/next"));
  EXPECT_EQ(server.wait_for_record().status, 200);
}

TEST(HttpServer, AStreamOfHeadIsItsHead) {
  RunningServer server([](const Shared& exchange) {
    exchange->begin_stream({.body = "first"});
    exchange->write("more");
    exchange->end();
  });
  RawClient client(server.port());
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/"));
  EXPECT_EQ(client.read_response(true)->status, 200);
  EXPECT_EQ(client.read_response()->body, "firstmore");
}

TEST(HttpServer, AsksForABodyThatWaitsToBeAskedFor) {
  RunningServer server(echo);
  RawClient client(server.port());
  client.send(
      "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
      "Content-Length: 4\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_EQ(client.read_response()->body, "POST /a body");
}

TEST(HttpServer, WhatAHandlerThrowsIsA500) {
  RunningServer server([](const Shared& exchange) {
    const std::string& path = exchange->request().path;
    if (path == "/throw") throw std::runtime_error("a \"bug\"");
    if (path == "/forget") return;
    exchange->post([exchange] {
      if (exchange->request().path == "/stream") exchange->begin_stream({});
      throw std::runtime_error("later");
    });
  });
  RawClient client(server.port());
  client.send(get("/throw"));
  const auto thrown = client.read_response();
  EXPECT_EQ(thrown->status, 500);
  EXPECT_EQ(thrown->body,
            R"({"error":{"message":"a \"bug\"","type":"server_error",)"
            R"("param":null,"code":null}})");
  client.send(get("/forget"));
  EXPECT_EQ(client.read_response()->status, 500);
  client.send(get("/post"));
  EXPECT_EQ(client.read_response()->status, 500);
  client.send(get("/stream"));
  EXPECT_EQ(client.read_response(), std::nullopt);  // it is broken off
  for (int i = 0; i < 3; ++i) server.wait_for_record();
  EXPECT_EQ(server.wait_for_record().end, ExchangeEnd::kBroken);
}

TEST(HttpServer, RunsWorkAfterAWhile) {
  RunningServer server([](const Shared& exchange) {
    exchange->after(std::chrono::milliseconds(1), [exchange] {
      exchange->after(std::chrono::milliseconds(1),
                      [exchange] { echo(exchange); });
    });
    // What comes after the answer does not run.
    exchange->after(std::chrono::hours(1), [exchange] { std::abort(); });
  });
  RawClient client(server.port());
  client.send(get("/a"));
  EXPECT_EQ(client.read_response()->body, "GET /a ");
}

TEST(HttpServer, HooksSeeEachRequest) {
  HttpHooks hooks;
  hooks.handler = echo;
  hooks.admit = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.path != "/no") return std::nullopt;
    EXPECT_NE(request.id, "");
    return HttpResponse{.status = 403, .body = "no"};
  };
  hooks.decorate = [](const HttpRequest& request, HttpResponse& response) {
    response.headers["X-Path"] = request.path + "\r\nX-Evil: 1";
  };
  RunningServer server(RunningServer::options_with(), std::move(hooks));
  RawClient client(server.port());
  client.send(get("/no") + get("/yes"));
  const auto refused = client.read_response();
  EXPECT_EQ(refused->status, 403);
  EXPECT_EQ(refused->headers.at("x-path"), "/no  X-Evil: 1");
  EXPECT_EQ(client.read_response()->body, "GET /yes ");
  // What would follow is not waited for.
  client.send("POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(client.read_response()->headers.at("connection"), "close");
}

TEST(HttpServer, DrainsAndEnds) {
  std::promise<Shared> opened;
  RunningServer server([&](const Shared& exchange) {
    if (exchange->request().path != "/stream") return echo(exchange);
    exchange->begin_stream({});
    opened.set_value(exchange);
  });
  RawClient idle(server.port());
  idle.send(get("/"));
  ASSERT_TRUE(idle.read_response());
  RawClient client(server.port());
  client.send(get("/stream"));
  const Shared exchange = opened.get_future().get();
  server.server().drain();
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_THROW(RawClient late(server.port()), std::runtime_error);
  exchange->post([&] {
    exchange->write("the end");
    exchange->end();
  });
  EXPECT_EQ(client.read_response()->body, "the end");
  EXPECT_EQ(client.read_to_end(), "");
  client.close();
  EXPECT_TRUE(server.wait_for_end());
}

TEST(HttpServer, AnIdleServerDrainsAtOnce) {
  RunningServer server(echo);
  server.server().drain();
  EXPECT_TRUE(server.wait_for_end());
}

TEST(HttpServer, StopsInTheMiddleOfAnAnswer) {
  std::promise<Shared> opened;
  Moment gone;
  RunningServer server([&](const Shared& exchange) {
    exchange->on_gone([&] { gone.happen(); });
    opened.set_value(exchange);
  });
  RawClient client(server.port());
  client.send(get("/"));
  Shared exchange = opened.get_future().get();
  server.server().stop();
  EXPECT_TRUE(gone.wait());
  EXPECT_TRUE(server.wait_for_end());
  EXPECT_EQ(client.read_response(), std::nullopt);
}

TEST(HttpServer, AnExchangeMayOutliveIt) {
  Shared exchange;
  {
    std::promise<Shared> opened;
    RunningServer server([&](const Shared& given) { opened.set_value(given); });
    RawClient client(server.port());
    client.send(get("/"));
    exchange = opened.get_future().get();
  }
  EXPECT_EQ(exchange->unsent(), 0u);
  exchange->post([exchange] { std::abort(); });
  exchange->after(std::chrono::milliseconds(0), [exchange] { std::abort(); });
  exchange->respond({});
}

TEST(HttpServer, ListensOnSeveralAddressesAndOnePort) {
  HttpOptions options = RunningServer::options_with();
  options.hosts = {"127.0.0.1", "127.0.0.2"};
  RunningServer server(options, {echo});
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(server.server().addresses(),
            (std::vector<std::string>{"http://127.0.0.1:" + port,
                                      "http://127.0.0.2:" + port}));
}

TEST(HttpServer, SaysWhereItCannotListen) {
  RunningServer server(echo);
  HttpOptions options;
  options.port = server.port();
  EXPECT_THROW(HttpServer(options, {echo}), UsageError);
  options.hosts = {"no-such-host.invalid"};
  EXPECT_THROW(HttpServer(options, {echo}), UsageError);
  options.hosts = {};
  EXPECT_THROW(HttpServer(options, {echo}), UsageError);
}

TEST(HttpServer, ListensOnAUnixSocket) {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "socket";
  HttpOptions options;
  options.hosts = {};
  options.unix_socket = path;
  {
    RunningServer server(options, {echo});
    EXPECT_EQ(server.server().addresses(),
              std::vector<std::string>{"unix:" + path.string()});
    RawClient client(path.string());
    client.send(get("/a"));
    EXPECT_EQ(client.read_response()->body, "GET /a ");
    EXPECT_EQ(server.wait_for_record().client, "unix");
    // It is in use.
    EXPECT_THROW(HttpServer(options, {echo}), UsageError);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(HttpServer, TakesTheNameOfADeadServersSocketButNoFile) {
  const test::TemporaryFolder folder;
  HttpOptions options;
  options.hosts = {};
  options.unix_socket = folder.path() / "socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  options.unix_socket.string().copy(address.sun_path,
                                    sizeof(address.sun_path) - 1);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(
      ::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(dead);
  ASSERT_TRUE(std::filesystem::exists(options.unix_socket));
  RunningServer(options, {echo});

  std::ofstream(options.unix_socket) << "precious";
  EXPECT_THROW(HttpServer(options, {echo}), UsageError);
  EXPECT_TRUE(std::filesystem::exists(options.unix_socket));
  options.unix_socket = folder.path() / std::string(200, 'a');
  EXPECT_THROW(HttpServer(options, {echo}), UsageError);
}

}  // namespace
}  // namespace pilotfish::server
