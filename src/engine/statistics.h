#ifndef PILOTFISH_ENGINE_STATISTICS_H_
#define PILOTFISH_ENGINE_STATISTICS_H_

#include <span>

#include "pilotfish/engine.h"

namespace pilotfish {

// All of GenerationStats that follows from the iterations; what takes a clock
// (ttft, decode_seconds and the rate) is passed in. `generated` tokens remained
// of those emitted.
GenerationStats summarise(std::span<const IterationStats> iterations,
                          std::int64_t prompt, std::int64_t generated,
                          double ttft_seconds, double decode_seconds);

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_STATISTICS_H_
