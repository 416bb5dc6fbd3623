#ifndef PILOTFISH_SPECULATIVE_ACCEPTORS_TYPICAL_H_
#define PILOTFISH_SPECULATIVE_ACCEPTORS_TYPICAL_H_

#include <algorithm>
#include <cmath>
#include <string_view>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/random.h"

namespace pilotfish {

// Typical acceptance (Medusa: Cai et al. 2024, arXiv 2401.10774, section 2.3.1)
// keeps tokens that are more probable to the target than min(epsilon, delta
// exp(-H(p))), with the defaults of the authors' code.
inline constexpr double kTypicalEpsilon = 0.09;
inline constexpr double kTypicalDelta = 0.3;

inline double typical_threshold(const Distribution& p) {
  double entropy = 0;
  for (const Distribution::Entry& entry : p.entries()) {
    if (entry.probability <= 0) continue;
    entropy -= entry.probability * std::log(entry.probability);
  }
  return std::min(kTypicalEpsilon, kTypicalDelta * std::exp(-entropy));
}

// Keeps what the target finds likely enough, however it was drawn: more tokens
// per pass than an exact rule, and a text that leans towards the draft's.
class TypicalAcceptor final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "typical"; }
  bool lossless() const override { return false; }

  Verdict accept(const Verification& verification) const override {
    const Draft& draft = verification.draft;
    Verdict verdict;
    while (verdict.accepted < draft.size()) {
      const Distribution& p = verification.target[verdict.accepted];
      const Token x = draft.tokens[verdict.accepted];
      if (p.probability(x) <= typical_threshold(p)) break;
      verdict.tokens.push_back(x);
      ++verdict.accepted;
    }
    verdict.tokens.push_back(verification.target[verdict.accepted].sample(
        verification.random.uniform(verification.position + verdict.accepted,
                                    RandomRole::kTarget)));
    return verdict;
  }
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_ACCEPTORS_TYPICAL_H_
