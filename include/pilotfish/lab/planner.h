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
  // Stored as llama.cpp's Q4_K_M, which q4_k is not all of. Goes before the
  // types.
  bool q4_k_m = false;
  bool draft_q4_k_m = false;
  DType kv_dtype = DType::kF16;
  std::int64_t n_positions = 0;  // 0: 4096, or less where a model has fewer
  std::int64_t sequences = 1;
  std::optional<std::int64_t> context;  // nullopt: half of n_positions

  std::optional<std::int64_t> memory_bytes;
  std::optional<MachineSpeed> machine;  // for the roofline; of one socket
  int sockets = 1;                      // 1 to 8; more than 1 need `machine`
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

// A model on one of several ranks: on that which takes most.
struct RankPart {
  MemoryEstimate memory = {};
  // Of a pass over one row of each sequence.
  double compute_seconds = 0;  // until the slowest rank of each step is done
  double gather_seconds = 0;
  double waiting_seconds = 0;  // of an average rank, for the slowest
  int gathers = 0;             // the broadcast of the batch among them
  double gathered_bytes = 0;   // in all of them
};

struct ModelPlan {
  PlannedModel model;
  MemoryEstimate memory;
  double pass_seconds = 0;           // over one row of each sequence
  std::optional<PassTime> roofline;  // where pass_seconds follows from one
  std::optional<RankPart> rank;      // in a plan over ranks (plan_ranks.h)

  const MemoryEstimate& memory_of_rank() const {
    return rank ? rank->memory : memory;
  }
};

// What is particular to a plan over ranks.
struct RankPlan {
  int count = 1;
  std::string network;
  bool network_measured = false;
  bool split_draft = false;
  double jitter = 0;
  // The best window on one rank, where it is not 1, and from how many ranks on
  // its drafts take as long as the target's pass; nullopt: with none.
  std::int64_t one_rank_window = 1;
  std::optional<int> drafting_dominates_from = {};
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
  int sockets = 1;                   // that `machine` has
  double read_bytes_per_second = 0;  // kMeasuredMatrix: plain reading
  int threads = 0;                   // that measured; 0: nothing was measured

  VerifySource verify_source = VerifySource::kFree;
  SpeculationCosts costs;  // empty without a draft
  double acceptance = 0;
  bool acceptance_given = false;
  std::optional<double> hourly_price;  // of one rank
  std::optional<RankPlan> ranks;       // nullopt: one process, no network

  // On one rank where there are several.
  std::int64_t memory_needed() const {
    return target.memory_of_rank().total() +
           (draft ? draft->memory_of_rank().total() : 0);
  }
  std::optional<double> hourly_price_of_all() const {
    if (!hourly_price || !ranks) return hourly_price;
    return *hourly_price * ranks->count;
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
