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
  std::int64_t prompts_asked = 0;
  std::int64_t settings_asked = 0;
  std::int64_t max_tokens = 0;
  std::string command = {};  // of the best setting; empty: none is known

  // Prompts that ran with at least one setting.
  std::int64_t prompts() const;
  // Runs made; a run is one prompt with one setting.
  std::int64_t runs() const;
  std::int64_t runs_asked() const { return prompts_asked * settings_asked; }
  bool interrupted() const { return runs() < runs_asked(); }
  // Whether all settings ran, so that one of them can be called the best.
  bool comparable() const;
};

// A table for each group, a line for each window, results first. What does not
// fit in `columns` follows below; `colours` sets off the best of each.
std::string sweep_table(const SweepRun& run, bool colours, int columns);
// How much was measured, and what the columns mean.
std::string sweep_notes(const SweepRun& run, int columns);

// All of it: what --json prints and the page holds.
nlohmann::ordered_json sweep_run_json(const SweepRun& run);

// An HTML page: what the best setting gains, plots, the table, how it was
// measured, and last the command.
std::string sweep_page(const SweepRun& run);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SWEEP_REPORT_H_
