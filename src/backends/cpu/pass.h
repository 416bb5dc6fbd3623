#ifndef PILOTFISH_BACKENDS_CPU_PASS_H_
#define PILOTFISH_BACKENDS_CPU_PASS_H_

#include <cstdint>
#include <span>

#include "backends/cpu/segment.h"
#include "pilotfish/token.h"

namespace pilotfish {

// A batch whose rows have their places in a cache: all that computing a pass
// takes, beside the storage of that cache.
struct Pass {
  std::span<const Token> tokens;                // [rows]
  std::span<const Segment> segments;            // one an entry of the batch
  std::span<const std::int64_t> hidden_layers;  // Batch::hidden_layers()
  std::int64_t hidden_rows = 0;                 // of each
  std::int64_t logits_rows = 0;
  std::int64_t layers = 0;  // that run
  // Whether gathers of some rows go on while others are computed. The same on
  // all ranks.
  bool overlaps_gathers = false;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_PASS_H_
