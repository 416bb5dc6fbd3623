#ifndef PILOTFISH_CLI_MODEL_SAMPLING_H_
#define PILOTFISH_CLI_MODEL_SAMPLING_H_

#include "cli/session.h"

namespace pilotfish::cli {

class Command;

// Samples as the model's makers recommend, where no flag among those given to
// the command says otherwise, and says so in a note.
void use_model_sampling(const Command& command, Session& session);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_MODEL_SAMPLING_H_
