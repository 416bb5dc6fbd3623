#ifndef PILOTFISH_SPECULATIVE_ACCEPTORS_BLOCK_H_
#define PILOTFISH_SPECULATIVE_ACCEPTORS_BLOCK_H_

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/random.h"
#include "speculative/acceptors/rejection.h"
#include "speculative/keyed_chance.h"

namespace pilotfish {

// Calls function(q) with what token i was drawn from. Requires: i <
// draft.size().
template <typename Function>
auto with_proposal(const Draft& draft, std::size_t i,
                   const Function& function) {
  return draft.probs.empty() ? function(Distribution::one_hot(draft.tokens[i]))
                             : function(draft.probs[i]);
}

// The sum of max(0, scale * p - q).
inline double residual_mass(const Distribution& p, const Distribution& q,
                            double scale) {
  double mass = 0;
  for_each_excess(p, q, scale, [&](Token, double excess) { mass += excess; });
  return mass;
}

// P_0 = 1, P_i = min(1, P_{i-1} p(x_i) / q(x_i)). [draft.size() + 1]
inline std::vector<double> running_ratios(
    const Draft& draft, std::span<const Distribution> target) {
  std::vector<double> ratios = {1};
  ratios.reserve(draft.size() + 1);
  for (std::size_t i = 0; i < draft.size(); ++i) {
    const double p = target[i].probability(draft.tokens[i]);
    // Not 0 / 0, where a draft claims that it could not have drawn the token.
    const double reached =
        p > 0 && ratios.back() > 0
            ? std::min(1.0, ratios.back() * p / draft.proposed(i))
            : 0;
    ratios.push_back(reached);
  }
  return ratios;
}

// Block verification (Sun et al. 2024, arXiv 2403.10444, algorithm 2): decides
// about a draft as a whole. Of the lengths i that pass their test, with
// probability h_i each, the longest is kept:
//   h_i = S_i / (S_i + 1 - P_i), S_i = sum max(0, P_i p_{i+1} - q_{i+1}),
// and h = P for the whole draft. What follows is drawn from
// norm(max(0, P_i p_{i+1} - q_{i+1})), after the whole draft from the target.
// No rule that keeps the target's distribution keeps more tokens on average.
// `target` has draft.size() + 1 rows.
template <typename Chance>
Verdict verify_block(const Draft& draft, std::span<const Distribution> target,
                     const Chance& chance) {
  const std::vector<double> ratios = running_ratios(draft, target);
  const auto survives = [&](std::size_t length) {
    const double ratio = ratios[length];
    if (length == draft.size()) return chance.accepts(ratio, length - 1);
    const double mass =
        with_proposal(draft, length, [&](const Distribution& q) {
          return residual_mass(target[length], q, ratio);
        });
    const double whole = mass + (1 - ratio);
    // No whole: p = q from here on, and a longer length passes for certain.
    return chance.accepts(whole > 0 ? mass / whole : 1, length - 1);
  };
  std::size_t kept = draft.size();
  while (kept > 0 && !survives(kept)) --kept;

  Verdict verdict;
  verdict.tokens.assign(draft.tokens.begin(),
                        draft.tokens.begin() + static_cast<long>(kept));
  verdict.accepted = kept;
  if (kept == draft.size()) {
    verdict.tokens.push_back(
        chance.draw(target[kept], kept, RandomRole::kTarget));
    return verdict;
  }
  const Distribution left = with_proposal(draft, kept, [&](const auto& q) {
    return residual(target[kept], q, ratios[kept]);
  });
  verdict.tokens.push_back(chance.draw(left, kept, RandomRole::kRecovered));
  return verdict;
}

class BlockAcceptor final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "block"; }
  bool lossless() const override { return true; }
  // A tree is judged token by token, also one that came out as a chain: which
  // shape it takes depends on what was drawn, and a rule chosen by that would
  // not be exact.
  bool takes_trees() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    const KeyedChance chance(verification.random, verification.position);
    return verification.draft.is_tree()
               ? verify_by_rejection(verification.draft, verification.target,
                                     chance)
               : verify_block(verification.draft, verification.target, chance);
  }
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_ACCEPTORS_BLOCK_H_
