#ifndef PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_
#define PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_

namespace pilotfish {

// Whether so many ranks carry gathers out while they compute: more than one do,
// unless PILOTFISH_OVERLAP says "never". Throws UsageError where it says
// anything else but "always".
bool overlaps_gathers(int ranks);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_
