#include "server/http/request_log.h"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::server {
namespace {

using Json = nlohmann::ordered_json;

// Lines that wait to be written.
constexpr std::size_t kMostWaiting = 8192;

std::string_view end_name(ExchangeEnd end) {
  switch (end) {
    case ExchangeEnd::kSent:
      return "sent";
    case ExchangeEnd::kGone:
      return "client gone";
    case ExchangeEnd::kTooSlow:
      return "client too slow";
    case ExchangeEnd::kBroken:
      return "broken off";
  }
  return "";
}

std::string_view end_name(const FinishedRequest& request) {
  switch (request.end) {
    case TicketEnd::kFinished:
      return request.finish_reason ? finish_reason_name(*request.finish_reason)
                                   : "finished";
    case TicketEnd::kFailed:
      return "failed";
    case TicketEnd::kCancelled:
      return "cancelled";
    case TicketEnd::kTimedOut:
      return "timed out";
    case TicketEnd::kUntaken:
      return "not read";
  }
  return "";
}

double rounded(double seconds) {
  return static_cast<double>(static_cast<std::int64_t>(seconds * 1e6 + 0.5)) /
         1e6;
}

Json fields_of(const ExchangeRecord& record) {
  return {{"event", "request"},
          {"id", record.id},
          {"client", record.client},
          {"method", record.method},
          {"path", record.path},
          {"status", record.status},
          {"bytes_in", record.body_bytes},
          {"bytes_out", record.answer_bytes},
          {"seconds", rounded(record.seconds)},
          {"end", end_name(record.end)}};
}

Json fields_of(const FinishedRequest& request) {
  const GenerationStats& stats = request.stats;
  Json fields = {{"event", "text"},
                 {"id", request.id},
                 {"route", request.route},
                 {"end", end_name(request)},
                 {"stream", request.streamed},
                 {"seconds", rounded(request.e2e_seconds)}};
  if (request.end == TicketEnd::kFailed) {
    fields["error"] = request.failure;
    return fields;
  }
  fields["prompt_tokens"] = stats.prompt_tokens;
  fields["cached_tokens"] = stats.reused_tokens;
  fields["generated_tokens"] = stats.generated_tokens;
  fields["ttft_seconds"] = rounded(stats.ttft_seconds);
  fields["tokens_per_second"] = rounded(stats.tokens_per_second);
  fields["drafted_tokens"] = stats.summary.drafted;
  fields["accepted_tokens"] = stats.summary.accepted;
  fields["preemptions"] = stats.preemptions;
  return fields;
}

std::string dump_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The time with milliseconds, as RFC 3339 has it.
std::string time_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(
          now.time_since_epoch())
          .count() %
      1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t length =
      std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", std::string_view(text, length), milliseconds);
}

// "time event name=value ...": values with spaces stand in quotes, and what
// could pass for another line is escaped, as in JSON.
std::string text_line(const Json& fields) {
  std::string line = time_text();
  for (const auto& [name, value] : fields.items()) {
    if (name == "event") {
      line += ' ' + value.get<std::string>();
      continue;
    }
    std::string text = dump_line(value);
    const bool plain = value.is_string() && text.size() > 2 &&
                       text.find_first_of(" \\=") == std::string::npos;
    if (plain) text = text.substr(1, text.size() - 2);
    line += fmt::format(" {}={}", name, text);
  }
  return line;
}

std::string json_line(const Json& fields) {
  Json line = {{"time", time_text()}};
  line.update(fields);
  return dump_line(line);
}

}  // namespace

struct RequestLog::Sink {
  std::function<void(std::string_view)> write;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;

  void line(LogFormat format, const Json& fields) {
    if (format == LogFormat::kNone) return;
    const std::string text =
        format == LogFormat::kJson ? json_line(fields) : text_line(fields);
    if (write) {
      write(text);
    } else {
      logger->log(spdlog::level::info, spdlog::string_view_t(text));
    }
  }
};

LogFormat log_format_of(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  if (name == "none") return LogFormat::kNone;
  throw UsageError(
      fmt::format("--log-format {}: expected text, json or none", name));
}

RequestLog::RequestLog(LogFormat format)
    : format_(format), sink_(std::make_unique<Sink>()) {
  if (format == LogFormat::kNone) return;
  sink_->pool = std::make_shared<spdlog::details::thread_pool>(kMostWaiting, 1);
  sink_->logger = std::make_shared<spdlog::async_logger>(
      "requests", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
      sink_->pool, spdlog::async_overflow_policy::overrun_oldest);
  sink_->logger->set_pattern("%v");
  sink_->logger->flush_on(spdlog::level::info);
}

RequestLog::RequestLog(LogFormat format,
                       std::function<void(std::string_view)> write)
    : format_(format), sink_(std::make_unique<Sink>()) {
  sink_->write = std::move(write);
}

RequestLog::~RequestLog() = default;

void RequestLog::note(const ExchangeRecord& record) {
  sink_->line(format_, fields_of(record));
}

void RequestLog::note(const FinishedRequest& request) {
  sink_->line(format_, fields_of(request));
}

void RequestLog::note(std::string_view message) {
  sink_->line(format_, {{"event", "server"}, {"message", message}});
}

}  // namespace pilotfish::server
