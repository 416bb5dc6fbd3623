#ifndef PILOTFISH_LAB_PLANNER_H_
#define PILOTFISH_LAB_PLANNER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pilotfish/dtype.h"
#include "pilotfish/inspect.h"
#include "pilotfish/lab/plan.h"
#include "pilotfish/model.h"
#include "pilotfish/speedup.h"

// From two models' names and what is known of a machine to a plan: what they
// take in memory, how long their passes are and what speculation costs. Speeds
// that the request leaves out are measured on this machine.
namespace pilotfish {

// Times of a pass over one row of each sequence, measured elsewhere.
struct PassSeconds {
  double target = 0;
  double draft = 0;  // not looked at without a draft
};

struct PlanRequest {
  // A Hugging Face folder, a GGUF file, or a shape's name (shapes.h). What lies
  // on the disk goes before a shape of the same name.
  std::string target;
  std::string draft;  // empty: no speculation
  // How weights are stored. nullopt: as the files have them, bf16 for shapes.
  std::optional<DType> dtype;
  std::optional<DType> draft_dtype;  // nullopt: the same as `dtype`
  DType kv_dtype = DType::kF16;
  std::int64_t n_positions = 0;  // 0: 4096, or less where a model has fewer
  std::int64_t sequences = 1;
  std::optional<std::int64_t> context;  // nullopt: half of n_positions

  std::optional<std::int64_t> memory_bytes;
  std::optional<MachineSpeed> machine;  // for the roofline
  std::optional<PassSeconds> pass_seconds;
  // Measured v(k) at some windows from 2 on; empty: none.
  std::map<std::int64_t, double> verify;

  std::optional<double> acceptance;  // nullopt: 0.8
  std::int64_t max_window = 16;      // 1 to 64
  std::optional<double> hourly_price;

  int threads = 0;  // to measure with, as make_threads takes it
  // Loads the model at `path` for passes to be measured; `role` is "target" or
  // "draft". Empty: Model::load.
  std::function<std::shared_ptr<Model>(const std::string& path,
                                       std::string_view role,
                                       const LoadOptions& options)>
      load;
};

struct ModelPlan {
  PlannedModel model;
  MemoryEstimate memory;
  double pass_seconds = 0;           // over one row of each sequence
  std::optional<PassTime> roofline;  // where pass_seconds follows from one
};

// Where the times of passes come from.
enum class SpeedSource {
  kRoofline,        // of PlanRequest::machine
  kGiven,           // PlanRequest::pass_seconds
  kMeasuredPasses,  // of both models, loaded
  kMeasuredMatrix,  // weights streamed through the product with one matrix
};

// Where v(k) comes from.
enum class VerifySource {
  kFree,      // 1 for every k: nothing says what arithmetic costs
  kRoofline,  // of PlanRequest::machine
  kGiven,     // PlanRequest::verify
  kMeasured,  // with the target's passes, or with the matrix
};

struct Plan {
  ModelPlan target;
  std::optional<ModelPlan> draft;
  // The vocabularies differ by more than padding: this draft cannot speak the
  // target's tokens.
  bool vocabularies_differ = false;
  Workload workload;
  std::optional<std::int64_t> memory_bytes;  // available, where known
  bool memory_given = false;                 // not this machine's own

  SpeedSource speed_source = SpeedSource::kRoofline;
  MachineSpeed machine;              // kRoofline; kMeasuredMatrix: measured
  double read_bytes_per_second = 0;  // kMeasuredMatrix: plain reading
  int threads = 0;                   // that measured; 0: nothing was measured

  VerifySource verify_source = VerifySource::kFree;
  SpeculationCosts costs;  // empty without a draft
  double acceptance = 0;
  bool acceptance_given = false;
  std::optional<double> hourly_price;

  std::int64_t memory_needed() const {
    return target.memory.total() + (draft ? draft->memory.total() : 0);
  }
  // Of all sequences together, at so many times the speed of plain decoding.
  double tokens_per_second(double speedup) const {
    return static_cast<double>(workload.sequences) * speedup /
           target.pass_seconds;
  }
};

// Throws UsageError for a model that is not there and for numbers out of range,
// naming the member; Error for malformed files.
Plan make_plan(const PlanRequest& request);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_PLANNER_H_
