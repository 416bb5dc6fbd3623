// `pilotfish serve`, as a service manager and its clients see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "program.h"
#include "random_model.h"
#include "running_program.h"
#include "server/http/testing/raw_client.h"

namespace pilotfish {
namespace {

using server::testing::get;
using server::testing::RawClient;
using server::testing::RawResponse;
using test::ProgramResult;
using test::RunningProgram;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Arguments = std::vector<std::string>;

class ServeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    std::filesystem::create_directory_symlink(
        test::source_dir() / "models/pilotfish-stories-draft",
        folder_->path() / "model");
    test::write_random_model(folder_->path() / "mute", {});
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string file(const std::string& name) {
    return (folder_->path() / name).string();
  }

  static Arguments serve(Arguments more) {
    Arguments arguments = {"serve", "-m", file("model"), "-t", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  static std::string content_of(const std::filesystem::path& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
  }

  // The port that it says it listens on; 0: it does not.
  static std::uint16_t port_of(RunningProgram& program) {
    static const std::string kBefore = "listening on http";
    if (!program.wait_until([&] {
          const std::string out = content_of(program.out());
          return out.find("max_tokens") != std::string::npos;
        })) {
      return 0;
    }
    const std::string out = content_of(program.out());
    const std::size_t line = out.find(kBefore);
    const std::size_t colon = out.find(':', out.find("//", line));
    return static_cast<std::uint16_t>(std::stoi(out.substr(colon + 1)));
  }

  static RawResponse ask(std::uint16_t port, const std::string& path,
                         const std::string& headers = "") {
    RawClient client(port);
    client.send(get(path, headers));
    return client.read_response().value_or(RawResponse{});
  }

  static bool wait_until_ready(RunningProgram& program, std::uint16_t port) {
    return program.wait_until(
        [&] { return ask(port, "/health").status == 200; });
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

TEST_F(ServeTest, SaysWhatToDoServesAndEnds) {
  RunningProgram program(serve({"--port", "0"}));
  const std::uint16_t port = port_of(program);
  ASSERT_NE(port, 0);
  ASSERT_TRUE(wait_until_ready(program, port));
  EXPECT_EQ(ask(port, "/no/such/route").status, 404);
  EXPECT_THAT(ask(port, "/metrics").body,
              AllOf(HasSubstr("vllm:num_requests_running{model_name=\"model\"} "
                              "0"),
                    HasSubstr("pilotfish_http_connections 1")));
  const ProgramResult result = program.kill(SIGTERM);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::string base = "http://127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(result.out,
            "listening on " + base + "\nopen " + base +
                "/ in a browser, or try:\ncurl " + base +
                "/v1/completions -H 'Content-Type: application/json' -d "
                "'{\"prompt\": \"Once upon a time\", \"max_tokens\": 64}'\n");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr(" server message=ready\n"),
                    HasSubstr(" method=GET path=/no/such/route status=404 ")));
}

TEST_F(ServeTest, AModelWithoutATokenizerIsRefused) {
  const ProgramResult result =
      test::run_program({"serve", "-m", file("mute"), "--port", "0"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("tokenizer"));
}

TEST_F(ServeTest, CtrlCEndsItAsWell) {
  RunningProgram program(serve({"--port", "0", "--log-format", "none"}));
  ASSERT_TRUE(wait_until_ready(program, port_of(program)));
  const ProgramResult result = program.kill(SIGINT);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

// A request that is being sent holds up the end; a second signal does not wait.
TEST_F(ServeTest, ASecondSignalStopsAtOnce) {
  RunningProgram program(serve({"--port", "0", "--max-send-seconds", "1000"}));
  const std::uint16_t port = port_of(program);
  ASSERT_TRUE(wait_until_ready(program, port));
  RawClient client(port);
  client.send("GET /health HTTP/1.1\r\nHost: h\r\n");
  EXPECT_THAT(ask(port, "/metrics").body,
              HasSubstr("pilotfish_http_connections 2"));
  program.signal(SIGTERM);
  ASSERT_TRUE(program.wait_until([&] {
    return content_of(program.err()).find("shutting down") != std::string::npos;
  }));
  const ProgramResult result = program.kill(SIGTERM);
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.err;
}

// What has been sent in part is told that the server is ending.
TEST_F(ServeTest, TakesNothingNewWhileItEnds) {
  RunningProgram program(serve({"--port", "0"}));
  const std::uint16_t port = port_of(program);
  ASSERT_TRUE(wait_until_ready(program, port));
  RawClient health(port);
  RawClient other(port);
  health.send("GET /health HTTP/1.1\r\nHost: h\r\n");
  other.send("POST /v1/completions HTTP/1.1\r\nHost: h\r\n");
  ASSERT_TRUE(program.wait_until([&] {
    return ask(port, "/metrics").body.find("http_connections 3") !=
           std::string::npos;
  }));
  program.signal(SIGTERM);
  ASSERT_TRUE(program.wait_until([&] {
    return content_of(program.err()).find("shutting down") != std::string::npos;
  }));
  health.send("\r\n");
  other.send("Content-Length: 2\r\n\r\n{}");
  const auto draining = health.read_response();
  ASSERT_TRUE(draining);
  EXPECT_EQ(draining->status, 503);
  EXPECT_EQ(draining->body, R"({"status":"draining"})");
  const auto refused = other.read_response();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_TRUE(refused->headers.contains("retry-after"));
  health.close();
  other.close();
  EXPECT_EQ(program.wait().exit_code, 0);
}

TEST_F(ServeTest, AsksForAKey) {
  std::ofstream(file("keys")) << "secret\n";
  RunningProgram program(serve(
      {"--port", "0", "--api-key-file", file("keys"), "--log-format", "json"}));
  const std::uint16_t port = port_of(program);
  ASSERT_TRUE(wait_until_ready(program, port));
  EXPECT_EQ(ask(port, "/metrics").status, 401);
  EXPECT_EQ(ask(port, "/metrics", "Authorization: Bearer secret\r\n").status,
            200);
  const ProgramResult result = program.kill(SIGTERM);
  EXPECT_THAT(result.out, HasSubstr("-H \"Authorization: Bearer $KEY\""));
  std::istringstream lines(result.err);
  std::size_t requests = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << line;
    requests += json["event"] == "request";
    EXPECT_EQ(line.find("secret"), std::string::npos) << line;
  }
  EXPECT_GE(requests, 3u);
}

TEST_F(ServeTest, ListensOnAUnixSocketAlone) {
  const std::string socket = file("socket");
  RunningProgram program(serve({"--unix-socket", socket}));
  ASSERT_TRUE(program.wait_until([&] {
    try {
      RawClient client(socket);
      client.send(get("/health"));
      const auto response = client.read_response();
      return response && response->status == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  const ProgramResult result = program.kill(SIGTERM);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("listening on unix:" + socket + "\n"),
                                HasSubstr("curl --unix-socket " + socket +
                                          " http://localhost/v1/completions")));
  EXPECT_FALSE(std::filesystem::exists(socket));
}

TEST_F(ServeTest, WhatCannotBeServedEndsIt) {
  const auto expect_refused = [&](const Arguments& more, int code,
                                  const std::string& what) {
    const ProgramResult result = test::run_program(serve(more));
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(what));
  };
  const std::string none = file("none");
  expect_refused({"--host", "no-such-host.invalid"}, 2, "no-such-host.invalid");
  expect_refused({"--port", "65536"}, 2, "--port");
  expect_refused({"--tls-cert", none}, 2, "--tls-key");
  expect_refused({"--tls-cert", none, "--tls-key", none}, 2, none);
  expect_refused({"--api-key-file", none}, 1, none);
  expect_refused({"--log-format", "xml"}, 2, "--log-format");
  expect_refused({"--kv-memory", "much"}, 2, "--kv-memory");
  // A request has its own.
  expect_refused({"--seed", "1"}, 2, "--seed");
  expect_refused({"--stop", "x"}, 2, "--stop");
  // These are found once it listens.
  expect_refused({"--port", "0", "-m", none}, 1, none);
  expect_refused({"--port", "0", "-c", "-5"}, 2, "n_positions");

  RunningProgram program(serve({"--port", "0"}));
  expect_refused({"--port", std::to_string(port_of(program))}, 2, "in use");
}

// With nothing else it serves the pair that comes with it.
TEST_F(ServeTest, NeedsNoArguments) {
  RunningProgram program({"serve", "--port", "0"});
  const std::uint16_t port = port_of(program);
  ASSERT_NE(port, 0);
  ASSERT_TRUE(wait_until_ready(program, port));
  EXPECT_THAT(ask(port, "/metrics").body, HasSubstr("pilotfish-stories"));
  EXPECT_EQ(program.kill(SIGTERM).exit_code, 0);
}

}  // namespace
}  // namespace pilotfish
