#ifndef PILOTFISH_SPECULATIVE_KEYED_CHANCE_H_
#define PILOTFISH_SPECULATIVE_KEYED_CHANCE_H_

#include <cstddef>
#include <cstdint>

#include "pilotfish/distribution.h"
#include "pilotfish/random.h"

namespace pilotfish {

// The index of the number that draws or judges the `branch`-th token at a place
// in the window; a chain has one at each. Requires: place < 2^16.
inline std::uint32_t draft_index(std::size_t place, std::size_t branch) {
  return static_cast<std::uint32_t>(branch << 16 | place);
}

// Where a rule's decisions come from: keyed random numbers. Tests put in its
// place what goes through all outcomes with their probabilities.
class KeyedChance {
 public:
  // `position` is that of the window's first token.
  KeyedChance(const Random& random, std::uint64_t position)
      : random_(random), position_(position) {}

  // `place` is the place in the window. True with this probability; what is
  // above 1 counts as 1, NaN as 0. A later window that decides about the same
  // position draws anew, since there it has another place: a rule may look at
  // places that it then gives up. `sibling` counts those that were judged at
  // this place before.
  bool accepts(double probability, std::size_t place,
               std::size_t sibling = 0) const {
    return random_.uniform(position_ + place, RandomRole::kAccept,
                           draft_index(place, sibling)) < probability;
  }
  // Of the token that ends the verdict: a position has one, once.
  Token draw(const Distribution& distribution, std::size_t place,
             RandomRole role) const {
    return distribution.sample(random_.uniform(position_ + place, role));
  }

 private:
  const Random& random_;
  std::uint64_t position_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_KEYED_CHANCE_H_
