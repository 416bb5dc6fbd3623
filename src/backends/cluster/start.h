#ifndef PILOTFISH_BACKENDS_CLUSTER_START_H_
#define PILOTFISH_BACKENDS_CLUSTER_START_H_

#include <memory>

#include "backends/cluster/transport.h"

namespace pilotfish {

// A transport that a process runs its whole life on.
class ProcessTransport : public Transport {
 public:
  // Ends this process and all other ranks, with status 1.
  virtual void abort() = 0;
};

// Connects the ranks that mpirun has started. In mpi/, and in without_mpi/ for
// builds without Open MPI, where it throws Error.
std::unique_ptr<ProcessTransport> start_transport();

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_START_H_
