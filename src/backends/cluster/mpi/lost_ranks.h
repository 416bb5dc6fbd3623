#ifndef PILOTFISH_BACKENDS_CLUSTER_MPI_LOST_RANKS_H_
#define PILOTFISH_BACKENDS_CLUSTER_MPI_LOST_RANKS_H_

namespace pilotfish {

// Processes of this host that mpirun has started together. When one of them
// dies, mpirun ends the others with SIGTERM, within milliseconds.

// Makes them known. Call once for each, before the next.
void watch_process(int rank, int pid, const char* host);
// Has SIGTERM name a process that died, in one line on standard error, before
// it ends this one. A program that handles the signal itself installs its
// handler later, and asks below.
void name_lost_ranks_on_terminate();
// The rank of a watched process that has died; -1: none. The caller is then the
// one who names it, or, where SIGTERM came first, does not return.
int find_dead_rank();

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_MPI_LOST_RANKS_H_
