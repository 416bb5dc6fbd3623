#ifndef PILOTFISH_CLI_BENCH_REPORT_H_
#define PILOTFISH_CLI_BENCH_REPORT_H_

#include <string>
#include <vector>

#include "pilotfish/lab/bench.h"

namespace pilotfish::cli {

// What was measured, and what of it.
struct BenchSubject {
  std::string model;
  std::string dtype = {};  // of most of its weights
  std::string draft = {};  // empty: none
  std::string draft_dtype = {};
  BenchOptions options;
};

// The report on the runs with each number of threads.
std::string bench_markdown(const BenchSubject& subject,
                           const std::vector<BenchReport>& runs);
// One figure per line: model,threads,test,at,unit,median,p10,p90; the last two
// are empty for what is no spread.
std::string bench_csv(const BenchSubject& subject,
                      const std::vector<BenchReport>& runs);
// One object in a line.
std::string bench_json(const BenchSubject& subject,
                       const std::vector<BenchReport>& runs);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_BENCH_REPORT_H_
