#ifndef PILOTFISH_CLI_SWEEP_COMMAND_H_
#define PILOTFISH_CLI_SWEEP_COMMAND_H_

#include <string>

#include "cli/flags.h"
#include "cli/session.h"
#include "pilotfish/lab/sweep.h"

namespace pilotfish::cli {

// `generate` with a setting of a sweep (nullptr: with plain decoding), for a
// shell. `sweep` is the command as parsed: what it was told about models and
// sampling is passed on.
std::string best_command(const Command& sweep, const Session& session,
                         const SweepComparison* best);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SWEEP_COMMAND_H_
