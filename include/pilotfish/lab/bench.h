#ifndef PILOTFISH_LAB_BENCH_H_
#define PILOTFISH_LAB_BENCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/dtype.h"
#include "pilotfish/lab/machine.h"
#include "pilotfish/lab/plan.h"
#include "pilotfish/model.h"
#include "pilotfish/spread.h"
#include "pilotfish/threads.h"

// Measures how fast models run on this machine, and how close that is to what
// the machine can do. Whatever is compared is measured in turn, and ratios are
// those of neighbouring measurements, so that a machine whose speed changes
// distorts no ratio.
namespace pilotfish {

struct BenchOptions {
  std::int64_t prompt_tokens = 512;    // 0: no prefill
  std::int64_t generate_tokens = 128;  // 0: no decoding runs
  // How many tokens are in the cache when passes are timed, and in the prompts
  // of decoding runs.
  std::int64_t context = 64;
  // Passes over these numbers of rows are compared with a pass over one row.
  std::vector<std::int64_t> rows = {2,  3,  4,  5,  6,  7,  8,  9,
                                    10, 11, 12, 13, 14, 15, 16, 32};
  // At these contexts a pass over one row is compared with one after `context`.
  std::vector<std::int64_t> contexts = {};
  std::vector<std::int64_t> windows = {5};  // for a draft
  // Accept each drafted token with this probability; nullopt: decode greedily
  // with the default acceptor.
  std::optional<double> synthetic_acceptance = std::nullopt;
  int repetitions = 5;
  DType kv_dtype = DType::kF16;
  std::function<void(double)> progress = {};  // 0..1; may be empty
};

struct MachineLimits {
  Spread read_bytes_per_second;
  std::vector<InstructionPeak> peaks;
};

struct RowsTime {
  std::int64_t rows = 0;
  Spread seconds;
  Spread ratio;  // T(rows)/T(1)
};

struct ContextTime {
  std::int64_t context = 0;
  Spread seconds;
  Spread ratio;            // to the time after BenchOptions::context
  std::int64_t bytes = 0;  // that the pass reads
};

// Decoding runs, their prompts not counted.
struct DecodingSpeed {
  Spread tokens_per_second;
  Spread verify_seconds;     // the median target pass of a run
  Spread bookkeeping_share;  // of a run's time, neither draft nor target pass
};

struct SpeculationSpeed {
  std::int64_t window = 0;
  DecodingSpeed decoding;
  Spread speedup;            // over the plain run just before
  Spread draft_row_seconds;  // drafting, a token
  double acceptance = 0;     // share of the drafted tokens
  double tokens_per_pass = 0;
  // What the closed form (speedup.h) predicts, at the synthetic acceptance or
  // else at the measured share of judged tokens that were accepted. The first
  // takes v(k) as measured and is 0 where k is not among the rows; the second
  // takes verification as free, v = 1.
  double predicted_speedup = 0;
  double limit_speedup = 0;
};

struct BenchReport {
  int threads = 0;
  std::string instruction_set;
  MachineLimits machine;
  std::optional<Spread> prefill_tokens_per_second;
  std::int64_t context = 0;
  Spread pass_seconds;          // T(1), after `context`
  std::int64_t pass_bytes = 0;  // weights, keys and values that it reads
  Spread bandwidth_share;       // pass_bytes over its time, of the limit
  // What each layer but the first adds to T(1); nullopt: there is but one.
  std::optional<Spread> layer_seconds;
  std::vector<RowsTime> rows;
  std::vector<ContextTime> contexts;
  std::optional<DecodingSpeed> plain;
  std::string acceptor;  // of the speculation
  std::vector<SpeculationSpeed> speculation;
};

// `plan` is the target's (planned_model of its files, or of the dtype it was
// loaded as): what a pass reads. `draft` may be null: no speculation. `threads`
// is the team that the models were loaded with. Throws UsageError for options
// out of range, Error where memory does not suffice.
BenchReport bench(const std::shared_ptr<Model>& target,
                  const PlannedModel& plan, const std::shared_ptr<Model>& draft,
                  ThreadTeam& threads, const BenchOptions& options = {});

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_BENCH_H_
