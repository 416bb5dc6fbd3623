#include "server/api.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "server/api/routes.h"
#include "server/errors.h"
#include "server/later_exchange.h"
#include "server/router.h"
#include "server/work_thread.h"

namespace pilotfish::server {
namespace {

// With more than this a request takes long enough to read (megabytes of text
// take seconds to become tokens) that others would notice: it is read on
// another thread than the one on which all streams are written.
constexpr std::size_t kLargeBody = std::size_t{32} << 10;

// The same holds for what the text has to be, which may take a while to
// compile.
bool may_constrain(std::string_view body) {
  for (const std::string_view name :
       {"\"tools\"", "format\"", "json_schema\"", "grammar\"", "\"guided_",
        "\"structured_outputs\""}) {
    if (body.find(name) != std::string_view::npos) return true;
  }
  return false;
}

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
    WorkThread reader = {};  // ends before what it works with
  };
  const std::shared_ptr<Routes> routes(new Routes{.api = {context}});
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
    const std::string& body = exchange->request().body;
    if (body.size() <= kLargeBody && !may_constrain(body)) {
      routes->router.handle(exchange);
      return;
    }
    const auto is_gone = std::make_shared<std::atomic<bool>>(false);
    exchange->on_gone([is_gone] { *is_gone = true; });
    routes->reader.post([&router = routes->router, exchange, is_gone] {
      if (*is_gone) return;  // nobody waits for it
      router.handle(std::make_shared<LaterExchange>(exchange));
    });
  };
}

}  // namespace pilotfish::server
