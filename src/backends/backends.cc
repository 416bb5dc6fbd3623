#include "backends/backends.h"

#include <fmt/format.h>

#include <string>

#include "backends/cpu/forward.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

constexpr Backend kBackends[] = {
    {"cpu", CpuForward::load, CpuForward::scratch_bytes},
};

}  // namespace

std::span<const Backend> backends() { return kBackends; }

const Backend& find_backend(std::string_view name) {
  if (name.empty()) return kBackends[0];
  std::string known;
  for (const Backend& backend : kBackends) {
    if (backend.name == name) return backend;
    known += known.empty() ? "" : ", ";
    known += backend.name;
  }
  throw UsageError(fmt::format("backend {}: expected one of {}", name, known));
}

}  // namespace pilotfish
