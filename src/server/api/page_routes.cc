// The page at "/" and the files that it needs.

#include <string>
#include <utility>

#include "server/api/routes.h"
#include "web/server_asset.h"

namespace pilotfish::server {
namespace {

void respond_with(const web::ServerAsset& asset,
                  const std::shared_ptr<Exchange>& exchange) {
  HttpResponse response;
  response.content_type = asset.content_type;
  response.headers = {
      {"ETag", std::string(asset.etag)},
      {"Cache-Control", std::string(web::kServerPageCaching)},
      {"Content-Security-Policy", std::string(web::kServerPagePolicy)},
      {"X-Content-Type-Options", "nosniff"}};
  const auto& headers = exchange->request().headers;
  const auto known = headers.find("if-none-match");
  if (known != headers.end() && known->second == asset.etag) {
    response.status = 304;
  } else {
    response.body = asset.content;
  }
  exchange->respond(std::move(response));
}

}  // namespace

bool is_of_page(const HttpRequest& request) {
  return web::server_asset(request.path) != nullptr;
}

void add_page_routes(Router& router) {
  for (const web::ServerAsset& asset : web::server_assets()) {
    router.add("GET", std::string(asset.path),
               [&asset](const std::shared_ptr<Exchange>& exchange) {
                 respond_with(asset, exchange);
               });
  }
}

}  // namespace pilotfish::server
