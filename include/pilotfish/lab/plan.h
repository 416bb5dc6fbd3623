#ifndef PILOTFISH_LAB_PLAN_H_
#define PILOTFISH_LAB_PLAN_H_

#include <cstdint>
#include <limits>
#include <string>

#include "pilotfish/dtype.h"
#include "pilotfish/inspect.h"
#include "pilotfish/model_config.h"
#include "pilotfish/speedup.h"

// Computes what memory a model would take and how fast it could be on a
// machine, from its shape alone. bench and measure_passes (machine.h) measure
// how fast it is.
namespace pilotfish {

struct PlannedModel {
  std::string name;
  ModelConfig config;
  DType dtype = DType::kBF16;       // of most of the weights
  std::int64_t weight_bytes = 0;    // in memory
  std::int64_t streamed_bytes = 0;  // of those, what every pass reads: not an
                                    // embedding that only looks tokens up
  bool q4_k_m = false;  // dtype is q4_k, some weights have more bits
};
PlannedModel planned_model(std::string name, const ModelConfig& config,
                           DType dtype);
// Stored as llama.cpp's Q4_K_M: q4_k, but for q6_k and q5_k where they gain
// most.
PlannedModel planned_q4_k_m(std::string name, const ModelConfig& config);
// The model as its files store it.
PlannedModel planned_model(const ModelDescription& description);

struct Workload {
  std::int64_t n_positions = 0;  // a sequence's bound, which memory is for
  std::int64_t sequences = 1;    // decoded together
  std::int64_t context = 0;      // tokens that each holds while it is timed
  DType kv_dtype = DType::kF16;
};

struct MachineSpeed {
  double bytes_per_second = 0;  // read from memory
  double flops_per_second = std::numeric_limits<double>::infinity();
};

// The speed of a rank that has several sockets like this one, each of whose
// threads reads what lies in its own socket's memory. Each counts for 0.98:
// two were 1.96 times as fast as one where vLLM's CPU backend split a model
// over two through shared memory.
MachineSpeed with_sockets(const MachineSpeed& one, int sockets);

// The roofline: a pass takes the longer of the two.
struct PassTime {
  double memory_seconds = 0;
  double arithmetic_seconds = 0;
  double seconds() const {
    return memory_seconds > arithmetic_seconds ? memory_seconds
                                               : arithmetic_seconds;
  }
};

// The time of a pass over `rows` rows of each sequence. It reads the weights
// and every sequence's keys and values once, multiplies all of it with each
// row.
PassTime pass_time(const PlannedModel& model, const Workload& workload,
                   const MachineSpeed& machine, std::int64_t rows);

// The costs c and v(1..max_window) that follow from the roofline.
SpeculationCosts roofline_costs(const PlannedModel& target,
                                const PlannedModel& draft,
                                const Workload& workload,
                                const MachineSpeed& machine,
                                std::int64_t max_window);

// The cost is in the currency of the price.
double cost_per_million_tokens(double hourly_price, double tokens_per_second);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_PLAN_H_
