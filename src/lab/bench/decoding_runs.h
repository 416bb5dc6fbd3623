#ifndef PILOTFISH_LAB_BENCH_DECODING_RUNS_H_
#define PILOTFISH_LAB_BENCH_DECODING_RUNS_H_

#include <memory>

#include "lab/bench/steps.h"
#include "pilotfish/lab/bench.h"

namespace pilotfish {

// Fills in what decoding with the engine shows: plain, and speculative where
// there is a draft. Needs report.rows and report.pass_seconds.
void measure_decoding(const std::shared_ptr<Model>& target,
                      const std::shared_ptr<Model>& draft,
                      const BenchOptions& options, Steps& steps,
                      BenchReport& report);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_BENCH_DECODING_RUNS_H_
