#ifndef PILOTFISH_CLI_SWEEP_REPORT_H_
#define PILOTFISH_CLI_SWEEP_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/session.h"
#include "pilotfish/lab/sweep.h"

namespace pilotfish::cli {

struct SweepRun {
  const Session& session;
  std::vector<SweepComparison> comparisons;
  size_t prompts = 0;
  std::int64_t max_tokens = 0;
  std::string command = {};  // the best setting's
};

// A table for each group, a line for each window; `colours`
// sets off the best of each.
std::string sweep_table(const std::vector<SweepComparison>& comparisons,
                        bool colours);

// All of it: what --json prints and the page holds.
nlohmann::ordered_json sweep_run_json(const SweepRun& run);

// An HTML page: what the best setting gains, plots, the table, how it was
// measured, and last the command.
std::string sweep_page(const SweepRun& run);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SWEEP_REPORT_H_
