#ifndef PILOTFISH_SPECULATIVE_ACCEPTORS_REJECTION_H_
#define PILOTFISH_SPECULATIVE_ACCEPTORS_REJECTION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/random.h"
#include "speculative/keyed_chance.h"

namespace pilotfish {

// Judges the drafted tokens that follow token `at`, one after another: x
// survives with probability min(1, p(x) / q(x)); if it does not, norm(max(0, p
// - q)) takes the place of p for its next sibling. Returns the survivor, or -1;
// then `left` is what is left of p, or empty where nothing was rejected.
template <typename Chance>
std::int32_t surviving_child(const Draft& draft, const Distribution& target,
                             std::int32_t at, std::size_t place,
                             const Chance& chance, Distribution& left) {
  const Distribution* p = &target;
  std::size_t rejected = 0;
  const auto next = [&](std::int32_t i) {
    return draft.next_child(at, static_cast<std::size_t>(i + 1));
  };
  for (std::int32_t child = next(at); child >= 0;
       child = next(child), ++rejected) {
    const auto i = static_cast<std::size_t>(child);
    const Token x = draft.tokens[i];
    if (chance.accepts(p->probability(x) / draft.proposed(i), place,
                       rejected)) {
      return child;
    }
    left = draft.probs.empty() ? residual(*p, Distribution::one_hot(x))
                               : residual(*p, draft.probs[i]);
    p = &left;
  }
  return -1;
}

// Speculative sampling (Leviathan et al. 2023, arXiv 2211.17192; Chen et al.
// 2023, arXiv 2302.01318), for trees as recursive rejection (Miao et al. 2023,
// arXiv 2305.09781; Chen et al. 2024, arXiv 2402.12374): where no drafted token
// survives, one is drawn from what is left of the target; after a survivor that
// nothing follows, one more from the target.
//
// Exact for every tree: q is what a token was drawn from after its earlier
// siblings, be that with replacement, without, or with certainty. `target` has
// draft.size() + 1 rows.
template <typename Chance>
Verdict verify_by_rejection(const Draft& draft,
                            std::span<const Distribution> target,
                            const Chance& chance) {
  Verdict verdict;
  verdict.tokens.reserve(draft.size() + 1);
  std::int32_t at = -1;  // the token accepted last
  while (true) {
    const Distribution& p = target[static_cast<std::size_t>(at + 1)];
    const std::size_t place = verdict.accepted;
    Distribution left;
    at = surviving_child(draft, p, at, place, chance, left);
    if (at < 0) {
      verdict.tokens.push_back(
          left.empty() ? chance.draw(p, place, RandomRole::kTarget)
                       : chance.draw(left, place, RandomRole::kRecovered));
      return verdict;
    }
    verdict.tokens.push_back(draft.tokens[static_cast<std::size_t>(at)]);
    ++verdict.accepted;
  }
}

class RejectionAcceptor final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "rejection"; }
  bool lossless() const override { return true; }
  bool takes_trees() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    return verify_by_rejection(
        verification.draft, verification.target,
        KeyedChance(verification.random, verification.position));
  }
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_ACCEPTORS_REJECTION_H_
