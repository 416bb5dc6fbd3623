#ifndef PILOTFISH_CLI_REPORT_PAGE_H_
#define PILOTFISH_CLI_REPORT_PAGE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace pilotfish::cli {

// An HTML page that draws `data`, an object, as the report of this kind
// ("sweep", "trace"), and says who made it and when.
std::string report_page(std::string_view kind, nlohmann::ordered_json data);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_REPORT_PAGE_H_
