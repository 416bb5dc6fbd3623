#ifndef PILOTFISH_WEB_SERVER_ASSET_H_
#define PILOTFISH_WEB_SERVER_ASSET_H_

#include <span>
#include <string_view>

namespace pilotfish::web {

// A file of the server's page, with all that an answer to GET needs.
struct ServerAsset {
  std::string_view path;  // of the request: "/", "/assets/serve/main.js"
  std::string_view content_type;
  std::string_view etag;  // in quotation marks; changes with the content
  std::string_view content;
};

// The file at a path, which holds as long as the program; null: there is none.
const ServerAsset* server_asset(std::string_view path);

std::span<const ServerAsset> server_assets();

// What the server sends with each of these files as Content-Security-Policy:
// the page runs its own scripts alone, and talks to its own server alone.
inline constexpr std::string_view kServerPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

// And as Cache-Control: a browser asks each time, and is told by the ETag
// whether what it has is what the server has.
inline constexpr std::string_view kServerPageCaching = "no-cache";

}  // namespace pilotfish::web

#endif  // PILOTFISH_WEB_SERVER_ASSET_H_
