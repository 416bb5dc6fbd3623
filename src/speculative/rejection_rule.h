#ifndef PILOTFISH_SPECULATIVE_REJECTION_RULE_H_
#define PILOTFISH_SPECULATIVE_REJECTION_RULE_H_

#include <cstdint>
#include <span>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/random.h"

namespace pilotfish {

// Where a rule's decisions come from: keyed random numbers. Tests put in its
// place what goes through all outcomes with their probabilities.
class KeyedChance {
 public:
  KeyedChance(const Random& random, std::uint64_t position)
      : random_(random), position_(position) {}

  // `i` is the place in the window. True with this probability; what is above 1
  // counts as 1, NaN as 0.
  bool accepts(double probability, std::size_t i) const {
    return random_.uniform(position_ + i, RandomRole::kAccept) < probability;
  }
  Token draw(const Distribution& distribution, std::size_t i,
             RandomRole role) const {
    return distribution.sample(random_.uniform(position_ + i, role));
  }

 private:
  const Random& random_;
  std::uint64_t position_;
};

// Speculative sampling (Leviathan et al. 2023, arXiv 2211.17192; Chen et al.
// 2023, arXiv 2302.01318): a drafted token x survives with probability
// min(1, p(x) / q(x)). The first that does not is replaced by one drawn from
// norm(max(0, p - q)); after the last, one more is drawn from the target.
// `target` has draft.size() + 1 rows.
template <typename Chance>
Verdict verify_by_rejection(const Draft& draft,
                            std::span<const Distribution> target,
                            const Chance& chance) {
  Verdict verdict;
  verdict.tokens.reserve(draft.size() + 1);
  for (std::size_t i = 0; i < draft.size(); ++i) {
    const Token x = draft.tokens[i];
    if (!chance.accepts(target[i].probability(x) / draft.proposed(i), i)) {
      const Distribution left =
          draft.probs.empty() ? residual(target[i], Distribution::one_hot(x))
                              : residual(target[i], draft.probs[i]);
      verdict.tokens.push_back(chance.draw(left, i, RandomRole::kRecovered));
      return verdict;
    }
    verdict.tokens.push_back(x);
    ++verdict.accepted;
  }
  verdict.tokens.push_back(
      chance.draw(target[draft.size()], draft.size(), RandomRole::kTarget));
  return verdict;
}

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_REJECTION_RULE_H_
