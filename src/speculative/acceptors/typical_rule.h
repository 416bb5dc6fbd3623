#ifndef PILOTFISH_SPECULATIVE_TYPICAL_RULE_H_
#define PILOTFISH_SPECULATIVE_TYPICAL_RULE_H_

#include <algorithm>
#include <cmath>

#include "pilotfish/distribution.h"

namespace pilotfish {

// Typical acceptance (Medusa: Cai et al. 2024, arXiv 2401.10774,
// section 2.3.1): what the target would find likely enough: above min(epsilon,
// delta exp(-H(p))), with the defaults of the authors' code.
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

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_TYPICAL_RULE_H_
