#ifndef PILOTFISH_ENGINE_SELFCHECK_JUDGE_H_
#define PILOTFISH_ENGINE_SELFCHECK_JUDGE_H_

#include "pilotfish/selfcheck.h"

namespace pilotfish {

// Gives all checks their verdicts, and the whole its own, from what was
// measured. The chi-square claims share `level` by Holm's procedure (Holm
// 1979): a right engine fails any of them with that probability at most. States
// for each what it detects with probability `power` at the strictest level.
void judge(Selfcheck& selfcheck, double level, double power);

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_SELFCHECK_JUDGE_H_
