#include "server/api.h"

#include <memory>

#include "server/api/routes.h"
#include "server/errors.h"
#include "server/router.h"

namespace pilotfish::server {
namespace {

// Throws ApiError for what cannot be answered in a state.
void check_state(const ServerContext& context, const HttpRequest& request) {
  if (request.path == "/health" || request.path == "/v1/health") return;
  if (is_of_page(request)) return;
  if (context.state == ServerState::kLoading) {
    throw ApiError(503, "the model is still being loaded", {}, "loading");
  }
  if (context.state == ServerState::kDraining && request.method == "POST") {
    throw ApiError(503, "the server is shutting down", {}, "draining");
  }
  if (context.tokenizer == nullptr) {
    throw ApiError(500, "the model has no tokenizer", {}, "no_tokenizer");
  }
}

}  // namespace

Handler make_api(ServerContext& context) {
  struct Routes {
    Api api;
    Router router = {};
  };
  const auto routes = std::make_shared<Routes>(Routes{.api = {context}});
  Router& router = routes->router;
  add_status_routes(router, routes->api);
  add_text_routes(router, routes->api);
  add_completion_routes(router, routes->api);
  add_chat_routes(router, routes->api);
  add_native_routes(router, routes->api);
  add_response_routes(router, routes->api);
  add_message_routes(router, routes->api);
  add_page_routes(router);
  return [routes](const std::shared_ptr<Exchange>& exchange) {
    try {
      check_state(routes->api.context, exchange->request());
    } catch (const ApiError& error) {
      exchange->respond(error_response_to(exchange->request(), error));
      return;
    }
    routes->router.handle(exchange);
  };
}

}  // namespace pilotfish::server
