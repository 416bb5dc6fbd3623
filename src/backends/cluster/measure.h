#ifndef PILOTFISH_BACKENDS_CLUSTER_MEASURE_H_
#define PILOTFISH_BACKENDS_CLUSTER_MEASURE_H_

#include <cstdint>

#include "backends/cluster/transport.h"

namespace pilotfish {

// Seconds of one of `repetitions` gathers among all ranks, each with `bytes` of
// its own, on average. All ranks call it.
double time_gathers(Transport& transport, std::int64_t bytes, int repetitions);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_MEASURE_H_
