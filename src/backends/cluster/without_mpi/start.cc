#include "backends/cluster/start.h"

#include <cstdlib>

#include "backends/cluster/launch.h"
#include "pilotfish/error.h"

namespace pilotfish {

std::unique_ptr<ProcessTransport> start_transport() {
  // Rank 0 says it for all, and lives to: mpirun ends the others when one
  // fails.
  if (Launch::find()->rank != 0) std::_Exit(0);
  throw Error(
      "mpirun: this pilotfish was built without Open MPI; install "
      "libopenmpi-dev and openmpi-bin (make setup-cluster) and build it again");
}

}  // namespace pilotfish
