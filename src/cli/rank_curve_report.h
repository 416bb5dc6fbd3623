#ifndef PILOTFISH_CLI_RANK_CURVE_REPORT_H_
#define PILOTFISH_CLI_RANK_CURVE_REPORT_H_

#include <string>
#include <vector>

#include "pilotfish/lab/planner.h"

namespace pilotfish::cli {

// Plans of the same models for several numbers of ranks, a line each. Require:
// at least one plan, all of plan_over_ranks.
std::string rank_curve_text(const std::vector<Plan>& plans);
// An object in a line: what the plans share, and "curve", a list.
std::string rank_curve_json(const std::vector<Plan>& plans);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_RANK_CURVE_REPORT_H_
