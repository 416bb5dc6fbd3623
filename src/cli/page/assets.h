#ifndef PILOTFISH_CLI_PAGE_ASSETS_H_
#define PILOTFISH_CLI_PAGE_ASSETS_H_

#include <string_view>

namespace pilotfish::cli {

// The files page.css and page.js, which the build puts into the program.
extern const std::string_view kPageStyle;
extern const std::string_view kPageScript;

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PAGE_ASSETS_H_
