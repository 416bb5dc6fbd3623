#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/testing/fuzzed_request.h"

// Requests to every route of the server, as they come from a network.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static pilotfish::server::testing::FuzzedServer server;
  server.answer({reinterpret_cast<const char*>(data), size});
  return 0;
}
