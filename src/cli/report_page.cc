#include "cli/report_page.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/report.h"
#include "web/page.h"

namespace pilotfish::cli {

std::string report_page(std::string_view kind, nlohmann::ordered_json data) {
  data["kind"] = kind;
  data["version"] = PILOTFISH_VERSION;
  data["made"] =
      fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(std::time(nullptr)));
  return web::page_with(dump(data));
}

}  // namespace pilotfish::cli
