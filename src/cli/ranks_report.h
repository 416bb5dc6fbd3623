#ifndef PILOTFISH_CLI_RANKS_REPORT_H_
#define PILOTFISH_CLI_RANKS_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "pilotfish/model.h"

namespace pilotfish::cli {

// How many ranks share a model, what each holds at most, what has been gathered
// in `seconds` of work and for how long ranks waited; empty where there is one.
std::string ranks_text(const Model& model, double seconds);
// The ranks that share it, and the gathers and waits of the whole program; null
// where there is one.
nlohmann::ordered_json ranks_json(const Model& model);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_RANKS_REPORT_H_
