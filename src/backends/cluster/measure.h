#ifndef PILOTFISH_BACKENDS_CLUSTER_MEASURE_H_
#define PILOTFISH_BACKENDS_CLUSTER_MEASURE_H_

#include <cstdint>

#include "backends/cluster/transport.h"

namespace pilotfish {

// Gathers that are timed: among the first `ranks`, `bytes` of all together.
struct TimedGathers {
  std::int64_t bytes = 0;
  int ranks = 0;
  int repetitions = 0;
};

// Seconds of one of them, on average. All ranks call it.
double time_gathers(Transport& transport, const TimedGathers& gathers);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_MEASURE_H_
