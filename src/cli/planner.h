#ifndef PILOTFISH_CLI_PLANNER_H_
#define PILOTFISH_CLI_PLANNER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cli/plan_report.h"

namespace pilotfish::cli {

struct PlanOptions {
  std::string target;
  std::string draft;  // empty or "none": no speculation
  std::string dtype;
  std::string draft_dtype;
  std::string kv_dtype = "f16";
  std::int64_t n_positions = 0;
  std::int64_t sequences = 1;
  std::optional<std::int64_t> context;
  std::optional<double> memory;     // GB
  std::optional<double> bandwidth;  // GB/s
  std::optional<double> flops;      // TFLOP/s
  std::string measured_tpot;        // "20.6,3.7", in ms
  std::string verify_cost;          // "2=1.1,4=1.3"
  std::optional<double> acceptance;
  std::int64_t max_window = 16;
  std::optional<double> hourly_price;
  int threads = 0;
};

// Looks the models up, estimates, and measures this machine where no figures
// are given. Throws UsageError, Error.
Plan make_plan(const PlanOptions& options);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PLANNER_H_
