#ifndef PILOTFISH_CLI_SWEEP_REPORT_H_
#define PILOTFISH_CLI_SWEEP_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/sweep_measure.h"

namespace pilotfish::cli {

// A table for each acceptor and temperature, a line for each window; `colours`
// sets off the best of each.
std::string sweep_table(const std::vector<Comparison>& comparisons,
                        bool colours);

// The fastest setting that was measured, or plain decoding where none beat it
// (nullptr).
const Comparison* best_of(const std::vector<Comparison>& comparisons);

nlohmann::ordered_json sweep_json(const std::vector<Comparison>& comparisons);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SWEEP_REPORT_H_
