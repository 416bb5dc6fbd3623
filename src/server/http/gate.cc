#include "server/http/gate.h"

#include <algorithm>
#include <utility>

#include "server/http/response_text.h"

namespace pilotfish::server {
namespace {

const std::string* header(const HttpRequest& request, const char* name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? nullptr : &found->second;
}

bool reads(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

bool needs_no_key(const HttpRequest& request) {
  return reads(request) &&
         (request.path == "/health" || request.path == "/v1/health" ||
          request.path == "/" || request.path == "/favicon.ico" ||
          request.path.starts_with("/assets/"));
}

bool passes_while_draining(const HttpRequest& request) {
  return reads(request) &&
         (request.path == "/health" || request.path == "/v1/health" ||
          request.path == "/metrics");
}

}  // namespace

std::optional<HttpResponse> Gate::admit(const HttpRequest& request) const {
  // Browsers ask with no key whether they may ask.
  if (request.method == "OPTIONS" && allowed_origin(request) != nullptr &&
      header(request, "access-control-request-method") != nullptr) {
    return preflight(request);
  }
  if (options_.keys && !needs_no_key(request) &&
      !options_.keys->accept(request.headers)) {
    HttpResponse response = http_error(
        401,
        "a valid API key is needed, as \"Authorization: Bearer KEY\" or "
        "\"x-api-key: KEY\"",
        "invalid_api_key");
    response.headers["WWW-Authenticate"] = "Bearer";
    return response;
  }
  if (options_.draining && options_.draining() &&
      !passes_while_draining(request)) {
    HttpResponse response =
        http_error(503, "the server is shutting down and takes no new requests",
                   "draining");
    response.headers["Retry-After"] = "1";
    return response;
  }
  return std::nullopt;
}

void Gate::decorate(const HttpRequest& request, HttpResponse& response) const {
  if (options_.cors_origins.empty()) return;
  response.headers["Vary"] = "Origin";
  const std::string* origin = allowed_origin(request);
  if (origin == nullptr) return;
  response.headers["Access-Control-Allow-Origin"] = *origin;
  response.headers["Access-Control-Expose-Headers"] = "x-request-id";
}

const std::string* Gate::allowed_origin(const HttpRequest& request) const {
  const std::string* origin = header(request, "origin");
  if (origin == nullptr) return nullptr;
  const bool allowed = std::ranges::any_of(
      options_.cors_origins,
      [&](const auto& each) { return each == "*" || each == *origin; });
  return allowed ? origin : nullptr;
}

HttpResponse Gate::preflight(const HttpRequest& request) const {
  HttpResponse response;
  response.status = 204;
  response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS";
  const std::string* wanted = header(request, "access-control-request-headers");
  if (wanted != nullptr) {
    response.headers["Access-Control-Allow-Headers"] = *wanted;
  }
  response.headers["Access-Control-Max-Age"] = "600";
  return response;
}

}  // namespace pilotfish::server
