#ifndef PILOTFISH_BACKENDS_CPU_PLACEMENT_H_
#define PILOTFISH_BACKENDS_CPU_PLACEMENT_H_

#include <cstdint>

#include "backends/cpu/weights.h"
#include "base/index_range.h"
#include "base/thread_team.h"

namespace pilotfish {

// What lies in which node's memory on a machine of several nodes.

// Places the rows of every matrix that a pass multiplies with in memory of the
// node whose threads multiply with them. Requires: none has been written yet.
void place_weights(const Weights& weights, const ThreadTeam& team);

// Which key/value heads of a layer a node caches, and attends to first: in
// proportion to its threads.
IndexRange heads_of_node(std::int64_t heads, const ThreadTeam& team, int node);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_PLACEMENT_H_
