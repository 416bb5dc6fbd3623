#ifndef PILOTFISH_CLI_PROCESSOR_H_
#define PILOTFISH_CLI_PROCESSOR_H_

#include <string>

namespace pilotfish::cli {

// As the machine calls it; "unknown processor" where it does not say.
std::string processor_name();

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PROCESSOR_H_
