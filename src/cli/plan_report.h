#ifndef PILOTFISH_CLI_PLAN_REPORT_H_
#define PILOTFISH_CLI_PLAN_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "pilotfish/lab/planner.h"

namespace pilotfish::cli {

std::string plan_text(const Plan& plan);
nlohmann::ordered_json plan_json(const Plan& plan);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PLAN_REPORT_H_
