#ifndef PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_
#define PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_

#include "backends/cluster/leader.h"

namespace pilotfish {

// Whether gathers of the first `ranks` of a cluster are worth carrying out
// while the ranks compute: what takes time in them is a network, not copies
// within one host. PILOTFISH_OVERLAP, "always" or "never", says otherwise; for
// anything else throws UsageError.
bool overlaps_gathers(const Leader& leader, int ranks);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_
