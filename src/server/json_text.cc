#include "server/json_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/errors.h"

namespace pilotfish::server {
namespace {

constexpr int kMaxDepth = 64;

// nlohmann's messages begin with a number of its own in brackets.
std::string_view without_number(std::string_view message) {
  const std::size_t end = message.find("] ");
  return end == std::string_view::npos ? message : message.substr(end + 2);
}

}  // namespace

std::string json_text(const OutJson& json) {
  return json.dump(-1, ' ', false, OutJson::error_handler_t::replace);
}

std::string sse_event(const OutJson& data, std::string_view name) {
  std::string event;
  if (!name.empty()) event = fmt::format("event: {}\n", name);
  return event + "data: " + json_text(data) + "\n\n";
}

InJson parse_body(std::string_view body) {
  const auto watch_depth = [](int depth, InJson::parse_event_t event, InJson&) {
    if (depth >= kMaxDepth && (event == InJson::parse_event_t::object_start ||
                               event == InJson::parse_event_t::array_start)) {
      throw ApiError(
          400,
          fmt::format("the body is nested deeper than {} levels", kMaxDepth),
          {}, "invalid_json");
    }
    return true;
  };
  InJson json;
  try {
    json = InJson::parse(body, watch_depth);
  } catch (const InJson::exception& error) {
    throw ApiError(
        400,
        fmt::format("the body is not JSON: {}", without_number(error.what())),
        {}, "invalid_json");
  }
  if (!json.is_object()) {
    throw ApiError(
        400, fmt::format("the body is not an object but {}", json.type_name()),
        {}, "invalid_json");
  }
  return json;
}

}  // namespace pilotfish::server
