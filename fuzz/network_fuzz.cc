#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "one_line.h"
#include "pilotfish/lab/network.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  using namespace pilotfish;
  allow_one_line_errors([&] {
    const Network network = Network::parse(
        {reinterpret_cast<const char*>(data), size}, "network.json");
    for (int ranks = 1; ranks <= network.max_ranks(); ++ranks) {
      for (const double bytes : {1.0, 1e4, 1e9}) {
        const double seconds = network.gather_seconds(bytes, ranks);
        if (!std::isfinite(seconds) || seconds < 0) std::abort();
      }
    }
  });
  return 0;
}
