#ifndef PILOTFISH_CLI_PLAN_REPORT_H_
#define PILOTFISH_CLI_PLAN_REPORT_H_

#include <string>

#include "pilotfish/lab/planner.h"

namespace pilotfish::cli {

std::string plan_text(const Plan& plan);
std::string plan_json(const Plan& plan);  // one object in a line

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PLAN_REPORT_H_
