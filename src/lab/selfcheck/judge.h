#ifndef PILOTFISH_LAB_SELFCHECK_JUDGE_H_
#define PILOTFISH_LAB_SELFCHECK_JUDGE_H_

#include <cstdint>

#include "pilotfish/lab/selfcheck.h"

namespace pilotfish {

// The least of the levels at which Holm's procedure tests so many claims.
inline double strictest_level(std::int64_t claims, double level) {
  return claims > 1 ? level / static_cast<double>(claims) : level;
}

// Gives all checks their verdicts, and the whole its own, from what was
// measured. The chi-square claims share `level` by Holm's procedure (Holm
// 1979): a right engine fails any of them with that probability at most. States
// for each what it detects with probability `power` at the strictest level.
void judge(Selfcheck& selfcheck, double level, double power);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_JUDGE_H_
