#include "backends/cluster/overlap.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "pilotfish/error.h"

namespace pilotfish {

bool overlaps_gathers(int ranks) {
  const char* const text = std::getenv("PILOTFISH_OVERLAP");
  const std::string_view wanted = text == nullptr ? "" : text;
  if (wanted == "never") return false;
  if (!wanted.empty() && wanted != "always") {
    throw UsageError(fmt::format(
        "PILOTFISH_OVERLAP: found \"{}\", expected always or never", wanted));
  }
  return ranks > 1;
}

}  // namespace pilotfish
