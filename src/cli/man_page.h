#ifndef PILOTFISH_CLI_MAN_PAGE_H_
#define PILOTFISH_CLI_MAN_PAGE_H_

#include <string>

#include "cli/program_description.h"

namespace pilotfish::cli {

// Manual pages in section 1, as man(7) source: that of the program, and one for
// each command (pilotfish-generate). `date` is what the footer shows.
std::string man_page(const ProgramDescription& program,
                     const std::string& date);
std::string man_page(const ProgramDescription& program,
                     const CommandDescription& command,
                     const std::string& date);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_MAN_PAGE_H_
