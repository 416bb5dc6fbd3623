#ifndef PILOTFISH_CONSTRAINT_SHARED_WALKS_H_
#define PILOTFISH_CONSTRAINT_SHARED_WALKS_H_

#include <cstdint>
#include <string>

#include "constraint/bounded_cache.h"
#include "constraint/counted_walk.h"
#include "constraint/walk.h"

namespace pilotfish {

// The walks over a vocabulary that do not depend on the rest of a constraint,
// by what the rule reads on, so that the inside of a string is walked once and
// not for every constraint.
class SharedWalks {
 public:
  static constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;

  BoundedCache<std::string, Walk> walks{kMostBytes};
  BoundedCache<std::string, CountedWalk> counted{kMostBytes};
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_SHARED_WALKS_H_
