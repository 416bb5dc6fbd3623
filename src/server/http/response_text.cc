#include "server/http/response_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

namespace pilotfish::server {
namespace {

std::string_view reason_phrase(int status) {
  static constexpr std::pair<int, std::string_view> kPhrases[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
  };
  const auto* found = std::ranges::find(
      kPhrases, status, [](const auto& entry) { return entry.first; });
  return found == std::end(kPhrases) ? "Unknown" : found->second;
}

// As in "Sun, 06 Nov 1994 08:49:37 GMT". The program's locale is "C".
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  const std::size_t length =
      std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

void add_header(std::string& head, std::string_view name,
                std::string_view value) {
  head += name;
  head += ": ";
  for (const char c : value) head += c == '\r' || c == '\n' ? ' ' : c;
  head += "\r\n";
}

bool has_header(const HttpResponse& response, std::string_view name) {
  return std::ranges::any_of(response.headers, [&](const auto& header) {
    return std::ranges::equal(header.first, name, [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) == b;
    });
  });
}

}  // namespace

std::string head_text(const HttpResponse& response, const Framing& framing) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                 reason_phrase(response.status));
  add_header(head, "Server", "pilotfish");
  add_header(head, "Date", http_date());
  if (!response.content_type.empty() && response.status != 204) {
    add_header(head, "Content-Type", response.content_type);
  }
  if (response.content_type.starts_with("text/event-stream")) {
    // Proxies neither keep events nor hold them back.
    if (!has_header(response, "cache-control")) {
      add_header(head, "Cache-Control", "no-store");
    }
    add_header(head, "X-Accel-Buffering", "no");
  }
  for (const auto& [name, value] : response.headers) {
    add_header(head, name, value);
  }
  if (framing.chunked) {
    add_header(head, "Transfer-Encoding", "chunked");
  } else if (framing.length && response.status != 204) {
    add_header(head, "Content-Length", std::to_string(*framing.length));
  }
  if (!framing.connection.empty()) {
    add_header(head, "Connection", framing.connection);
  }
  head += "\r\n";
  return head;
}

std::string chunk_text(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

HttpResponse http_error(int status, std::string_view message,
                        std::string_view code) {
  const nlohmann::ordered_json json = {
      {"error",
       {{"message", message},
        {"type", status < 500 ? "invalid_request_error" : "server_error"},
        {"param", nullptr},
        {"code", code.empty() ? nlohmann::ordered_json(nullptr)
                              : nlohmann::ordered_json(code)}}}};
  HttpResponse response;
  response.status = status;
  response.body = json.dump(-1, ' ', false,
                            nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace pilotfish::server
