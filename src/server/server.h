#ifndef PILOTFISH_SERVER_SERVER_H_
#define PILOTFISH_SERVER_SERVER_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/context.h"
#include "server/http/http_options.h"

namespace pilotfish::server {

struct ServerOptions {
  HttpOptions http = {};
  std::filesystem::path api_key_file = {};     // empty: no keys
  std::vector<std::string> cors_origins = {};  // "*": all
  std::string log_format = "text";             // or "json", "none"
};

// What `load` has made ready, beside the context.
struct LoadedModels {
  std::string name;            // for the metrics
  std::int64_t kv_tokens = 0;  // as many have room in the target's cache
};

// Serves until SIGTERM or SIGINT. It listens at once, tells `on_listening` the
// addresses, and calls `load` on a thread of its own: that fills in `context`,
// which is ready once it returns. What it throws ends the server, and comes out
// of here. `api` answers all but GET /metrics.
//
// The first signal drains: nothing new is taken, and what runs comes to its
// end. Returns 0 then. The second one stops at once; returns its number.
int serve(
    const ServerOptions& options, ServerContext& context, Handler api,
    const std::function<LoadedModels()>& load,
    const std::function<void(const std::vector<std::string>&)>& on_listening);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_SERVER_H_
