#ifndef PILOTFISH_CLI_MACHINE_REPORT_H_
#define PILOTFISH_CLI_MACHINE_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "pilotfish/topology.h"

namespace pilotfish::cli {

// What `inspect --machine` prints.
struct MachineFacts {
  std::string processor;  // its name
  MachineReport machine;
  std::optional<PlacementReport> placement;  // of a model and its cache
};

std::string machine_text(const MachineFacts& facts);
nlohmann::ordered_json machine_json(const MachineFacts& facts);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_MACHINE_REPORT_H_
