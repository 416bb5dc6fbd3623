#ifndef PILOTFISH_SPECULATIVE_KEYED_CHANCE_H_
#define PILOTFISH_SPECULATIVE_KEYED_CHANCE_H_

#include <cstddef>
#include <cstdint>

#include "pilotfish/distribution.h"
#include "pilotfish/random.h"

namespace pilotfish {

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
  // places that it then gives up.
  bool accepts(double probability, std::size_t place) const {
    return random_.uniform(position_ + place, RandomRole::kAccept,
                           static_cast<std::uint32_t>(place)) < probability;
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
