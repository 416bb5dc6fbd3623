#ifndef PILOTFISH_BACKENDS_CLUSTER_IDENTITY_H_
#define PILOTFISH_BACKENDS_CLUSTER_IDENTITY_H_

#include <string>

#include "backends/cluster/commands.h"
#include "formats/checkpoint.h"

namespace pilotfish {

// The version of pilotfish and the linker's hash of this program: two builds
// differ in one of them.
std::string build_identity();

// Of a checkpoint that this rank has opened and the instruction set that it
// would compute with. Reads the beginning of every tensor, no more.
Identity identify(const Checkpoint& checkpoint, const std::string& set);

// What differs from rank 0's; empty: nothing. Another instruction set gives
// other bits, which `mixed_sets` allows.
std::string difference(const Identity& first, const Identity& other,
                       bool mixed_sets);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_IDENTITY_H_
