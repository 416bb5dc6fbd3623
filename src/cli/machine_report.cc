#include "cli/machine_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "cli/report.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string fact(std::string_view name, std::string_view value) {
  return fmt::format("{:<18}{}\n", name, value);
}

// "0-3,8"; requires: ascending.
std::string id_list(const std::vector<int>& ids) {
  std::string text;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int first = ids[i];
    while (i + 1 < ids.size() && ids[i + 1] == ids[i] + 1) ++i;
    if (!text.empty()) text += ',';
    text += fmt::format("{}", first);
    if (ids[i] != first) text += fmt::format("-{}", ids[i]);
  }
  return text.empty() ? "none" : text;
}

std::string bytes_or(std::int64_t bytes, const char* nothing) {
  return bytes == 0 ? nothing : format_bytes(bytes);
}

std::string node_table(const MachineReport& machine) {
  std::string text = fmt::format("\n{:<8}{:>6}{:>10}{:>12}  {}\n", "node",
                                 "cores", "threads", "memory", "processors");
  for (const NodeReport& node : machine.nodes) {
    text += fmt::format(
        "{:<8}{:>6}{:>10}{:>12}  {}\n", node.id, node.cores,
        machine.places ? fmt::format("{}", node.threads) : "anywhere",
        bytes_or(node.memory_bytes, "unknown"), id_list(node.processors));
  }
  return text;
}

std::string placement_table(const PlacementReport& placement) {
  std::string text =
      fmt::format("\n{:<8}{:>14}{:>14}\n", "node", "weights", "kv cache");
  for (const NodeShare& node : placement.nodes) {
    text +=
        fmt::format("{:<8}{:>14}{:>14}\n", node.node,
                    format_bytes(node.weights), format_bytes(node.kv_cache));
  }
  if (placement.weights_anywhere > 0) {
    text += fmt::format("{:<8}{:>14}\n", "any",
                        format_bytes(placement.weights_anywhere));
  }
  return text;
}

}  // namespace

std::string machine_text(const MachineFacts& facts) {
  const MachineReport& machine = facts.machine;
  std::string text = fact("processor", facts.processor);
  text += fact("sockets", fmt::format("{}", machine.sockets));
  text += fact("cores", fmt::format("{}", machine.cores));
  text += fact("processors", fmt::format("{}", machine.processors));
  text += fact("threads", fmt::format("{}", machine.threads));
  text += fact(
      "instruction sets",
      fmt::format("{}{}", fmt::join(machine.instruction_sets, ", "),
                  machine.missing_sets.empty()
                      ? ""
                      : fmt::format("; not here: {}",
                                    fmt::join(machine.missing_sets, ", "))));
  text += fact("runs", fmt::format("{}: {}", machine.instruction_set,
                                   machine.instruction_set_why));
  text += fact("placement",
               fmt::format("{}: {}", machine.places ? "by node" : "none",
                           machine.places_why));
  text += node_table(machine);
  if (facts.placement) text += placement_table(*facts.placement);
  return text;
}

Json machine_json(const MachineFacts& facts) {
  const MachineReport& machine = facts.machine;
  Json nodes = Json::array();
  for (const NodeReport& node : machine.nodes) {
    Json it = {{"id", node.id},
               {"processors", node.processors},
               {"cores", node.cores},
               {"memory", node.memory_bytes}};
    if (machine.places) it["threads"] = node.threads;
    nodes.push_back(std::move(it));
  }
  Json json = {{"processor", facts.processor},
               {"sockets", machine.sockets},
               {"cores", machine.cores},
               {"processors", machine.processors},
               {"threads", machine.threads},
               {"instruction_sets", machine.instruction_sets},
               {"missing_instruction_sets", machine.missing_sets},
               {"instruction_set", machine.instruction_set},
               {"instruction_set_why", machine.instruction_set_why},
               {"places", machine.places},
               {"places_why", machine.places_why},
               {"nodes", std::move(nodes)}};
  if (facts.placement) {
    Json shares = Json::array();
    for (const NodeShare& node : facts.placement->nodes) {
      shares.push_back({{"node", node.node},
                        {"weights", node.weights},
                        {"kv_cache", node.kv_cache}});
    }
    json["placement"] = {
        {"nodes", std::move(shares)},
        {"weights_anywhere", facts.placement->weights_anywhere}};
  }
  return json;
}

}  // namespace pilotfish::cli
