#ifndef PILOTFISH_BACKENDS_MACHINE_REPORT_H_
#define PILOTFISH_BACKENDS_MACHINE_REPORT_H_

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/machine_topology.h"
#include "base/thread_nodes.h"
#include "pilotfish/topology.h"

// What topology.h reports, of a machine that need not be this one.
namespace pilotfish {

// `threads`: at least 1. `no_placer`: why memory cannot be placed; empty: it
// can.
MachineReport report_machine(const MachineTopology& topology, int threads,
                             std::string_view no_placer);

// `nodes`: fewer than two where nothing is placed; then all is in `only_node`.
PlacementReport report_placement(const std::filesystem::path& model,
                                 const KvCacheOptions& cache, int threads,
                                 const std::vector<ThreadNode>& nodes,
                                 int only_node);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_MACHINE_REPORT_H_
