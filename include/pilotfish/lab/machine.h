#ifndef PILOTFISH_LAB_MACHINE_H_
#define PILOTFISH_LAB_MACHINE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/dtype.h"
#include "pilotfish/lab/plan.h"
#include "pilotfish/model.h"
#include "pilotfish/threads.h"

// Measures what this machine can do, in about a second or two. Other work on
// the machine makes the results wrong.
namespace pilotfish {

// The memory of the machine, or that of the control group that the process runs
// in where that allows less.
std::int64_t machine_memory_bytes();

// The name the system gives the processor; "unknown" where it gives none.
std::string processor_name();

struct InstructionPeak {
  std::string instruction;
  double operations_per_second = 0;  // multiplications and additions
};
// Measures what the dot-product instructions of a set (see LoadOptions) do at
// best, on registers alone and with all threads. Empty for "scalar". Takes
// about a tenth of a second each. Throws UsageError for a set that this
// processor lacks.
std::vector<InstructionPeak> measure_peaks(ThreadTeam& threads,
                                           std::string_view instruction_set);

struct MatrixSpeed {
  double read_bytes_per_second = 0;    // plain reading
  double weight_bytes_per_second = 0;  // in the product with one row
  // Time of the product with k rows over that with one, for some k up to
  // max_rows.
  std::map<std::int64_t, double> verify;
};
// Times products with a matrix of `dtype` that is larger than the caches.
MatrixSpeed measure_matrix(ThreadTeam& threads, DType dtype,
                           std::int64_t max_rows);

struct PassSpeed {
  double target_seconds = 0;  // a pass over one row of each sequence
  double draft_seconds = 0;   // 0: no draft
  // Time of the target's pass over k rows of each sequence over that with one.
  std::map<std::int64_t, double> verify;
};
// Times passes of loaded models after workload.context tokens. They alternate,
// so that a machine whose speed changes distorts no ratio. `draft` may be null.
PassSpeed measure_passes(Model& target, Model* draft, const Workload& workload,
                         std::int64_t max_window);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_MACHINE_H_
