#include "backends/cluster/overlap.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "pilotfish/error.h"

namespace pilotfish {

bool overlaps_gathers(const Leader& leader, int ranks) {
  const char* const text = std::getenv("PILOTFISH_OVERLAP");
  if (text != nullptr && *text != '\0') {
    const std::string_view wanted = text;
    if (wanted == "always") return ranks > 1;
    if (wanted == "never") return false;
    throw UsageError(fmt::format(
        "PILOTFISH_OVERLAP: found \"{}\", expected always or never", wanted));
  }
  for (int rank = 1; rank < ranks; ++rank) {
    if (leader.host(rank) != leader.host(0)) return true;
  }
  return false;
}

}  // namespace pilotfish
