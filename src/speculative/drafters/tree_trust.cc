#include "speculative/drafters/tree_trust.h"

#include <algorithm>

namespace pilotfish {

void TreeTrust::Ratio::add(bool happens, double promise) {
  constexpr double kDecay = 0.98;
  happened = kDecay * happened + (happens ? 1 : 0);
  promised = kDecay * promised + promise;
}

double TreeTrust::first(double largest) const {
  return 1 - std::min(1.0, rejections_.value()) * (1 - largest);
}

double TreeTrust::later(double share) const {
  return std::min(1.0, share * second_chances_.value());
}

void TreeTrust::judge_first(double largest, bool accepted) {
  rejections_.add(!accepted, 1 - largest);
}

void TreeTrust::judge_later(double share, bool accepted) {
  second_chances_.add(accepted, share);
}

}  // namespace pilotfish
