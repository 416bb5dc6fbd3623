#ifndef PILOTFISH_SERVER_API_ROUTES_H_
#define PILOTFISH_SERVER_API_ROUTES_H_

#include "server/api/text_run.h"
#include "server/context.h"
#include "server/router.h"

namespace pilotfish::server {

// What all routes share.
struct Api {
  ServerContext& context;
  ActiveRuns runs = {};
};

// Each adds some routes. `api` must outlive the router.
void add_status_routes(Router& router, Api& api);      // health, models, props
void add_text_routes(Router& router, Api& api);        // tokenize and the like
void add_completion_routes(Router& router, Api& api);  // /v1/completions
void add_chat_routes(Router& router, Api& api);        // /v1/chat/completions
void add_native_routes(Router& router, Api& api);      // /completion
void add_response_routes(Router& router, Api& api);    // /v1/responses
void add_message_routes(Router& router, Api& api);     // /v1/messages

// The page at "/" and its files, which need no model.
void add_page_routes(Router& router);
bool is_of_page(const HttpRequest& request);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_ROUTES_H_
