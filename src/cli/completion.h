#ifndef PILOTFISH_CLI_COMPLETION_H_
#define PILOTFISH_CLI_COMPLETION_H_

#include <string>

#include "cli/program_description.h"

// Scripts that complete commands, flags and their values in a shell.
namespace pilotfish::cli {

std::string bash_completion(const ProgramDescription& program);
std::string zsh_completion(const ProgramDescription& program);
std::string fish_completion(const ProgramDescription& program);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_COMPLETION_H_
