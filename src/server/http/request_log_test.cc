#include "server/http/request_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish::server {
namespace {

ExchangeRecord a_record() {
  ExchangeRecord record;
  record.id = "abc";
  record.client = "127.0.0.1:1";
  record.method = "POST";
  record.path = "/v1/x y\n2026 \x01\xff";
  record.status = 200;
  record.body_bytes = 12;
  record.answer_bytes = 345;
  record.seconds = 0.25;
  record.end = ExchangeEnd::kGone;
  return record;
}

FinishedRequest a_text() {
  FinishedRequest request;
  request.id = "abc";
  request.route = "/v1/completions";
  request.finish_reason = FinishReason::kMaxTokens;
  request.stats.prompt_tokens = 10;
  request.stats.reused_tokens = 4;
  request.stats.generated_tokens = 7;
  return request;
}

std::vector<std::string> lines_of(LogFormat format) {
  std::vector<std::string> lines;
  RequestLog log(format,
                 [&](std::string_view line) { lines.emplace_back(line); });
  log.note(a_record());
  log.note(a_text());
  log.note("ready");
  return lines;
}

TEST(RequestLog, WritesJson) {
  const auto lines = lines_of(LogFormat::kJson);
  ASSERT_EQ(lines.size(), 3u);
  const auto request = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(request["event"], "request");
  EXPECT_EQ(request["id"], "abc");
  EXPECT_EQ(request["status"], 200);
  EXPECT_EQ(request["bytes_out"], 345);
  EXPECT_EQ(request["seconds"], 0.25);
  EXPECT_EQ(request["end"], "client gone");
  EXPECT_EQ(request["time"].get<std::string>().size(),
            std::string("2026-01-02T03:04:05.678Z").size());
  const auto text = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(text["event"], "text");
  EXPECT_EQ(text["cached_tokens"], 4);
  EXPECT_EQ(text["end"], finish_reason_name(FinishReason::kMaxTokens));
  EXPECT_EQ(nlohmann::json::parse(lines[2])["message"], "ready");
}

// What a client sends cannot look like a line of the log.
TEST(RequestLog, WritesTextOfOneLine) {
  const auto lines = lines_of(LogFormat::kText);
  ASSERT_EQ(lines.size(), 3u);
  for (const std::string& line : lines) {
    for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), ' ');
  }
  EXPECT_NE(lines[0].find(" request id=abc client=127.0.0.1:1 method=POST "
                          "path=\"/v1/x y\\n2026 \\u0001\xef\xbf\xbd\" "
                          "status=200 bytes_in=12 bytes_out=345 seconds=0.25 "
                          "end=\"client gone\""),
            std::string::npos)
      << lines[0];
  EXPECT_NE(lines[1].find(" text id=abc route=/v1/completions "),
            std::string::npos)
      << lines[1];
}

TEST(RequestLog, CanBeSilent) {
  EXPECT_TRUE(lines_of(LogFormat::kNone).empty());
  EXPECT_EQ(log_format_of("json"), LogFormat::kJson);
  EXPECT_THROW(log_format_of("xml"), UsageError);
}

TEST(RequestLog, WritesToStandardErrorBeforeItEnds) {
  ::testing::internal::CaptureStderr();
  {
    RequestLog log(LogFormat::kText);
    for (int i = 0; i < 100; ++i) log.note("line " + std::to_string(i));
  }
  const std::string written = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(written.find("line 0"), std::string::npos);
  EXPECT_NE(written.find("line 99\"\n"), std::string::npos) << written;
}

}  // namespace
}  // namespace pilotfish::server
