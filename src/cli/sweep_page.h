#ifndef PILOTFISH_CLI_SWEEP_PAGE_H_
#define PILOTFISH_CLI_SWEEP_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/sweep_measure.h"

namespace pilotfish::cli {

struct SweepRun {
  const Session& session;
  std::vector<Comparison> comparisons;
  size_t prompts = 0;
  std::int64_t max_tokens = 0;
  std::string command = {};  // the best setting's
};

// An HTML page: what the best setting gains, plots, the table, how it was
// measured, and last the command.
std::string sweep_page(const SweepRun& run);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SWEEP_PAGE_H_
