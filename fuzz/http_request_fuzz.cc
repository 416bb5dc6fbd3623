// The bytes that a client of the server sends.
#include <cstddef>
#include <cstdint>

#include "server/http/testing/fuzzed_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  pilotfish::server::testing::check_request(
      {reinterpret_cast<const char*>(data), size});
  return 0;
}
