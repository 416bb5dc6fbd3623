#ifndef PILOTFISH_CLI_PLAN_REPORT_H_
#define PILOTFISH_CLI_PLAN_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "pilotfish/inspect.h"
#include "pilotfish/lab/plan.h"

namespace pilotfish::cli {

struct ModelPlan {
  PlannedModel model;
  MemoryEstimate memory;
  double pass_seconds = 0;           // over one row of each sequence
  std::optional<PassTime> roofline;  // where it is known
};

// Everything `plan` says, before it is written down.
struct Plan {
  ModelPlan target;
  std::optional<ModelPlan> draft;
  Workload workload;
  std::optional<std::int64_t> memory_bytes;  // what there is
  std::string memory_source;
  std::string speed_source;   // where pass_seconds come from
  std::string speed_note;     // more of it
  std::string verify_source;  // where v(k) comes from
  SpeculationCosts costs;     // with a draft
  double acceptance = 0;
  bool acceptance_given = false;
  std::optional<double> hourly_price;

  std::int64_t memory_needed() const {
    return target.memory.total() + (draft ? draft->memory.total() : 0);
  }
  // All sequences together.
  double tokens_per_second(double speedup) const {
    return static_cast<double>(workload.sequences) * speedup /
           target.pass_seconds;
  }
};

std::string plan_text(const Plan& plan);
nlohmann::ordered_json plan_json(const Plan& plan);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PLAN_REPORT_H_
