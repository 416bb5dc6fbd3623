#include "backends/backends.h"

#include <fmt/format.h>

#include <string>

#include "backends/cluster/forward.h"
#include "backends/cpu/forward.h"
#include "pilotfish/cluster.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

constexpr Backend kBackends[] = {
    {"cpu", CpuForward::load, CpuForward::scratch_bytes},
    {"cluster", ClusterForward::load, CpuForward::scratch_bytes},
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

const Backend& choose_backend(const LoadOptions& options) {
  const int ranks = cluster_ranks();
  if (options.ranks < 0 || options.ranks > ranks) {
    throw UsageError(
        ranks == 1
            ? fmt::format("{} ranks: there is one; start as many with mpirun",
                          options.ranks)
            : fmt::format("{} ranks: expected 1 to {}, or 0 for all",
                          options.ranks, ranks));
  }
  const bool shared = ranks > 1 && options.ranks != 1;
  if (options.backend == "cluster" && !shared) {
    throw UsageError("backend cluster: there is one rank; start with mpirun");
  }
  return find_backend(options.backend.empty() && shared ? "cluster"
                                                        : options.backend);
}

}  // namespace pilotfish
