#ifndef PILOTFISH_BACKENDS_CLUSTER_LAUNCH_H_
#define PILOTFISH_BACKENDS_CLUSTER_LAUNCH_H_

#include <optional>
#include <span>
#include <vector>

namespace pilotfish {

// What Open MPI's mpirun tells a process that it starts, in the environment.
struct Launch {
  int rank = 0;
  int ranks = 1;
  int local_rank = 0;  // among those on this host
  int local_ranks = 1;
  std::vector<int> processors = {};  // of this host, which those share
  bool binds = false;  // mpirun was told how to bind ranks to processors

  static std::optional<Launch> find();  // nullopt: mpirun has not started it
};

// Whether another MPI's launcher has started this process as one of several.
bool started_by_other_mpi();

// The share of a host's processors that a rank gets: contiguous, at least one,
// and shared with others only where there are more ranks than processors.
std::span<const int> share_of_processors(std::span<const int> processors,
                                         int local_rank, int local_ranks);

// Moves this process to its share. mpirun binds two ranks to a core each,
// whatever the number of cores.
void take_share_of_processors(const Launch& launch);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_LAUNCH_H_
