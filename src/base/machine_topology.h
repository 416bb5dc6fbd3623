#ifndef PILOTFISH_BASE_MACHINE_TOPOLOGY_H_
#define PILOTFISH_BASE_MACHINE_TOPOLOGY_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace pilotfish {

// The processors and the memory of a machine, as Linux describes them under
// /sys, as far as this process may use them.

// What the system schedules threads on: a core, or one of several that share
// it.
struct MachineProcessor {
  int id;       // the system's number
  int core;     // the lowest number of a processor of the same core
  int package;  // what is plugged into a socket of the board
  int node;     // MachineNode::id
};

// Memory and the processors that are near to it (a NUMA node): a package, or a
// part of one where the firmware divides it.
struct MachineNode {
  int id;                         // the system's number
  std::vector<int> processors;    // usable ones, in core order; may be none
  std::int64_t memory_bytes = 0;  // 0: none that is usable, or nobody says
  int memory_node = 0;  // the nearest node with memory: itself if it has some
};

struct MachineTopology {
  // In core order: by node, package and core, so that neighbours share the most
  // and every contiguous part of the list is as close together as can be.
  std::vector<MachineProcessor> processors;
  std::vector<MachineNode> nodes;  // ascending, at least one
  // Whether the system says which node a processor belongs to. If not, there is
  // one node, which has all processors.
  bool nodes_are_known = false;
};

// What a process may use.
struct ProcessLimits {
  std::vector<int> processors;                   // ascending
  std::optional<std::vector<int>> memory_nodes;  // nullopt: any
};
// Those of the calling thread. Without processors where the system does not
// say.
ProcessLimits process_limits();

// Reads `sys`, which is laid out as /sys is. Never fails: what is missing or
// damaged counts as not said, and processors that nothing is said of are cores
// of the first node.
MachineTopology read_topology(const ProcessLimits& limits,
                              const std::filesystem::path& sys = "/sys");

// A list of numbers as Linux writes it: "0-3,8", in ascending order, each once.
// Nullopt for anything else, and for numbers beyond those of any machine.
std::optional<std::vector<int>> parse_id_list(std::string_view text);

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_MACHINE_TOPOLOGY_H_
