#ifndef PILOTFISH_SERVER_HTTP_GATE_H_
#define PILOTFISH_SERVER_HTTP_GATE_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/exchange.h"
#include "server/http/api_keys.h"

namespace pilotfish::server {

struct GateOptions {
  std::optional<ApiKeys> keys = std::nullopt;  // nullopt: none is asked for
  // Origins whose pages may use the server from a browser; "*": all.
  std::vector<std::string> cors_origins = {};
  // Whether nothing new is taken; may be empty.
  std::function<bool()> draining = {};
};

// What is decided about a request before its body is read: who may ask, and
// from where. GET /health and the page, which asks for the key itself, are open
// to all.
class Gate {
 public:
  explicit Gate(GateOptions options) : options_(std::move(options)) {}

  // nullopt: the request may pass. Else the answer to it.
  std::optional<HttpResponse> admit(const HttpRequest& request) const;
  // Adds what a browser has to be told about other pages' requests.
  void decorate(const HttpRequest& request, HttpResponse& response) const;

 private:
  // The request's origin, where that may use the server. nullptr: none may.
  const std::string* allowed_origin(const HttpRequest& request) const;
  HttpResponse preflight(const HttpRequest& request) const;

  GateOptions options_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_GATE_H_
