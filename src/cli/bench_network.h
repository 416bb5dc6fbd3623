#ifndef PILOTFISH_CLI_BENCH_NETWORK_H_
#define PILOTFISH_CLI_BENCH_NETWORK_H_

#include <string>

namespace pilotfish::cli {

// Measures gathers between the ranks of the cluster: a Markdown table, or the
// JSON that pilotfish/lab/network.h reads. Throws UsageError where there is one
// rank.
std::string network_report(bool as_json);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_BENCH_NETWORK_H_
