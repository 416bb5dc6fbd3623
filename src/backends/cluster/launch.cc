#include "backends/cluster/launch.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace pilotfish {
namespace {

std::optional<int> variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  const std::string_view text = value;
  int number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::vector<int> processors_of(pid_t process) {
  cpu_set_t set;
  std::vector<int> processors;
  if (::sched_getaffinity(process, sizeof set, &set) != 0) return processors;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<size_t>(cpu), &set)) processors.push_back(cpu);
  }
  return processors;
}

}  // namespace

std::optional<Launch> Launch::find() {
  const auto rank = variable("OMPI_COMM_WORLD_RANK");
  const auto ranks = variable("OMPI_COMM_WORLD_SIZE");
  if (!rank || !ranks || *rank < 0 || *rank >= *ranks) return std::nullopt;
  Launch launch;
  launch.rank = *rank;
  launch.ranks = *ranks;
  launch.local_ranks =
      std::max(1, variable("OMPI_COMM_WORLD_LOCAL_SIZE").value_or(1));
  launch.local_rank =
      std::clamp(variable("OMPI_COMM_WORLD_LOCAL_RANK").value_or(0), 0,
                 launch.local_ranks - 1);
  launch.processors = processors_of(::getppid());  // mpirun may use all of them
  launch.binds = std::getenv("OMPI_MCA_hwloc_base_binding_policy") != nullptr;
  return launch;
}

bool started_by_other_mpi() { return variable("PMI_SIZE").value_or(1) > 1; }

std::span<const int> share_of_processors(std::span<const int> processors,
                                         int local_rank, int local_ranks) {
  const auto count = processors.size();
  const auto rank = static_cast<size_t>(local_rank);
  const auto ranks = static_cast<size_t>(local_ranks);
  const size_t begin = count * rank / ranks;
  const size_t end = std::max(begin + 1, count * (rank + 1) / ranks);
  return processors.subspan(begin, std::min(end, count) - begin);
}

void take_share_of_processors(const Launch& launch) {
  if (launch.binds) return;
  if (launch.processors.empty()) return;
  cpu_set_t share;
  CPU_ZERO(&share);
  for (const int cpu : share_of_processors(launch.processors, launch.local_rank,
                                           launch.local_ranks)) {
    CPU_SET(static_cast<size_t>(cpu), &share);
  }
  ::sched_setaffinity(0, sizeof share, &share);
}

}  // namespace pilotfish
