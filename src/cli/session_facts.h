#ifndef PILOTFISH_CLI_SESSION_FACTS_H_
#define PILOTFISH_CLI_SESSION_FACTS_H_

#include <string>
#include <utility>
#include <vector>

#include "cli/session.h"

namespace pilotfish::cli {

// Pairs of a name and a value, both for people to read.
using Facts = std::vector<std::pair<std::string, std::string>>;

// Machine, models and what they compute with, for people to read.
Facts session_facts(const Session& session);

// "pilotfish-stories with pilotfish-stories-draft"
std::string models_text(const Session& session);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SESSION_FACTS_H_
