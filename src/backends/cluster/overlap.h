#ifndef PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_
#define PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_

#include <cstdint>
#include <limits>

#include "pilotfish/model_config.h"

namespace pilotfish {

constexpr std::int64_t kNoRows = std::numeric_limits<std::int64_t>::max();

// From how many rows on a pass computes some while results of others are
// gathered; kNoRows: never. The ranks have so many threads each. A step of a
// layer has to take long enough, as it does in models that are worth splitting.
// PILOTFISH_OVERLAP, "always" (where there are rows enough for two tiles) or
// "never", says otherwise; for anything else throws UsageError.
std::int64_t fewest_rows_to_overlap(const ModelConfig& config, int ranks,
                                    int threads);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_OVERLAP_H_
