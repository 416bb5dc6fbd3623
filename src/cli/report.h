#ifndef PILOTFISH_CLI_REPORT_H_
#define PILOTFISH_CLI_REPORT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/session.h"
#include "pilotfish/engine.h"

namespace pilotfish::cli {

// "1.4 GiB"
std::string format_bytes(std::int64_t bytes);
// "1.1 billion"
std::string parameters_text(std::int64_t parameters);
// "1.63 ms"
std::string format_seconds(double seconds);

// "block (lossless)"
std::string acceptor_text(const Session& session);

// The block of statistics that follows a text. `window`: as it was asked for.
std::string statistics_text(const Session& session, const Engine& engine,
                            std::int64_t window, const Generation& generation);

// Everything about one generation, as `generate --json` prints it.
nlohmann::ordered_json generation_json(const Session& session,
                                       const Engine& engine,
                                       const Request& request,
                                       const Generation& generation);

// One line, ended; valid UTF-8 whatever the strings hold.
std::string dump(const nlohmann::ordered_json& json);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_REPORT_H_
