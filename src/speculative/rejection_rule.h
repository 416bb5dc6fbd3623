#ifndef PILOTFISH_SPECULATIVE_REJECTION_RULE_H_
#define PILOTFISH_SPECULATIVE_REJECTION_RULE_H_

#include <cstddef>
#include <span>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/random.h"

namespace pilotfish {

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
