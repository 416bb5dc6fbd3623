#include "server/router.h"

#include <fmt/format.h>

#include <exception>
#include <utility>
#include <vector>

#include "server/errors.h"

namespace pilotfish::server {

void Router::add(const std::string& method, const std::string& path,
                 Handler handler) {
  if (method == "GET") routes_[path]["HEAD"] = handler;
  routes_[path][method] = std::move(handler);
}

const Router::Methods* Router::find(const std::string& path) const {
  if (const auto found = routes_.find(path); found != routes_.end()) {
    return &found->second;
  }
  // The longest folder that it lies in.
  std::size_t slash = path.size() - 1;
  while ((slash = path.rfind('/', slash - 1)) != std::string::npos &&
         slash > 0) {
    const auto folder = routes_.find(path.substr(0, slash + 1));
    if (folder != routes_.end()) return &folder->second;
  }
  return nullptr;
}

void Router::handle(const std::shared_ptr<Exchange>& exchange) const {
  const HttpRequest& request = exchange->request();
  try {
    const Methods* methods = find(request.path);
    if (methods == nullptr) {
      throw ApiError(404, fmt::format("there is no route {}", request.path), {},
                     "unknown_route");
    }
    const auto handler = methods->find(request.method);
    if (handler != methods->end()) {
      handler->second(exchange);
      return;
    }
    std::string allowed;
    for (const auto& [method, unused] : *methods) {
      allowed += (allowed.empty() ? "" : ", ") + method;
    }
    HttpResponse response = error_response_to(
        request, ApiError(405,
                          fmt::format("{} takes {}, not {}", request.path,
                                      allowed, request.method),
                          {}, "method_not_allowed"));
    response.headers["allow"] = allowed;
    exchange->respond(std::move(response));
  } catch (...) {
    exchange->respond(
        error_response_to(request, api_error_of(std::current_exception())));
  }
}

}  // namespace pilotfish::server
