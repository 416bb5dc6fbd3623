#ifndef PILOTFISH_CONSTRAINT_COUNTED_WALK_H_
#define PILOTFISH_CONSTRAINT_COUNTED_WALK_H_

#include <cstdint>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/token_mask.h"
#include "constraint/vocabulary.h"
#include "constraint/walk.h"

namespace pilotfish {

// What a walk from a state of a counted unit finds, for any counts.
struct CountedWalk {
  struct End {
    std::int32_t node;
    std::int32_t units;  // finished there
  };
  TokenMask all;
  std::vector<Token> tokens;  // by the number of units that they begin
  std::vector<std::int32_t> first =
      {};                 // [n]: in `tokens`, the first with n units
  std::vector<End> ends;  // where units end, ascending

  std::int64_t bytes() const;
};

CountedWalk walk_counted(const Automaton& automaton,
                         const ConstraintVocabulary& vocabulary,
                         Automaton::State state, const ByteSet& follow);
// The part of it that is allowed if the unit has to come `min` times and may
// come `max` times, counting the one that has begun.
Walk with_counts(const ConstraintVocabulary& vocabulary,
                 const CountedWalk& walk, std::int32_t min, std::int32_t max);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_COUNTED_WALK_H_
