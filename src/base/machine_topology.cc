#include "base/machine_topology.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <string>
#include <tuple>

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

constexpr int kMostIds = 1 << 13;  // Linux has fewer processors and nodes
constexpr size_t kMostBytes = 1 << 16;

// The beginning of a file; empty where it cannot be read.
std::string file_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// All of `text`, as a number that is not negative.
std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || value < 0) return std::nullopt;
  return value;
}

std::optional<int> id(std::string_view text) {
  const auto value = number(text);
  if (!value || *value >= kMostIds) return std::nullopt;
  return static_cast<int>(*value);
}

// What follows `key` and spaces in the first line that has it.
std::string_view after(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + key.size());
  return trimmed(text.substr(0, text.find('\n')));
}

// "Node 0 MemTotal:       24690960 kB"
std::int64_t memory_bytes(std::string_view meminfo) {
  std::string_view text = after(meminfo, "MemTotal:");
  text = text.substr(0, text.find(' '));
  const auto kilobytes = number(text);
  constexpr std::int64_t kMost = std::int64_t{1} << 50;
  return kilobytes && *kilobytes < kMost ? *kilobytes * 1024 : 0;
}

bool contains(const std::vector<int>& sorted, int value) {
  return std::ranges::binary_search(sorted, value);
}

// A node as /sys has it: all of its processors.
struct ListedNode {
  MachineNode node;
  std::vector<int> listed;
  std::vector<int> distances;  // [nodes that are online]; may be damaged
};

std::vector<ListedNode> listed_nodes(const ProcessLimits& limits,
                                     const fs::path& sys) {
  const fs::path folder = sys / "devices/system/node";
  std::vector<ListedNode> nodes;
  for (const int id : parse_id_list(file_text(folder / "online"))
                          .value_or(std::vector<int>{})) {
    const fs::path at = folder / fmt::format("node{}", id);
    ListedNode it;
    it.node.id = id;
    it.listed =
        parse_id_list(file_text(at / "cpulist")).value_or(std::vector<int>{});
    if (!limits.memory_nodes || contains(*limits.memory_nodes, id)) {
      it.node.memory_bytes = memory_bytes(file_text(at / "meminfo"));
    }
    const std::string distances = file_text(at / "distance");
    for (std::string_view rest = trimmed(distances); !rest.empty();) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      it.distances.push_back(pilotfish::id(word).value_or(kMostIds));
      rest = trimmed(rest.substr(word.size()));
    }
    nodes.push_back(std::move(it));
  }
  return nodes;
}

// The index of the nearest node with memory; of the node itself where none has
// any.
size_t nearest_memory(const std::vector<ListedNode>& nodes, size_t of) {
  size_t nearest = of;
  int least = kMostIds + 1;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].node.memory_bytes == 0) continue;
    const auto& distances = nodes[of].distances;
    const int distance = i == of                ? -1
                         : i < distances.size() ? distances[i]
                                                : kMostIds;
    if (distance < least) {
      nearest = i;
      least = distance;
    }
  }
  return nearest;
}

MachineProcessor read_processor(int id, const fs::path& sys) {
  const fs::path at =
      sys / fmt::format("devices/system/cpu/cpu{}/topology", id);
  MachineProcessor processor = {.id = id, .core = id, .package = 0, .node = 0};
  const auto siblings = parse_id_list(file_text(at / "thread_siblings_list"));
  if (siblings && contains(*siblings, id)) processor.core = siblings->front();
  processor.package =
      pilotfish::id(trimmed(file_text(at / "physical_package_id"))).value_or(0);
  return processor;
}

// One node that has everything.
MachineNode only_node(std::int64_t memory_bytes) {
  MachineNode node;
  node.id = 0;
  node.memory_bytes = memory_bytes;
  return node;
}

}  // namespace

std::optional<std::vector<int>> parse_id_list(std::string_view text) {
  std::vector<int> ids;
  text = trimmed(text);
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const size_t dash = part.find('-');
    const auto first = id(part.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : id(part.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    if (!ids.empty() && *first <= ids.back()) return std::nullopt;
    for (int i = *first; i <= *last; ++i) ids.push_back(i);
  }
  return ids;
}

ProcessLimits process_limits() {
  ProcessLimits limits;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(static_cast<size_t>(i), &set)) {
        limits.processors.push_back(i);
      }
    }
  }
  const std::string status = file_text("/proc/self/status");
  if (status.find("Mems_allowed_list:") != std::string::npos) {
    limits.memory_nodes = parse_id_list(after(status, "Mems_allowed_list:"));
  }
  return limits;
}

MachineTopology read_topology(const ProcessLimits& limits,
                              const fs::path& sys) {
  std::vector<ListedNode> nodes = listed_nodes(limits, sys);
  std::map<int, int> node_of;  // of each processor; the first that lists it
  for (const ListedNode& it : nodes) {
    for (const int processor : it.listed) {
      node_of.try_emplace(processor, it.node.id);
    }
  }
  MachineTopology topology;
  topology.nodes_are_known = std::ranges::any_of(
      limits.processors, [&](int i) { return node_of.contains(i); });
  for (size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].node.memory_node = nodes[nearest_memory(nodes, i)].node.id;
  }
  if (topology.nodes_are_known) {
    for (const ListedNode& it : nodes) topology.nodes.push_back(it.node);
  } else {
    std::int64_t bytes = 0;
    for (const ListedNode& it : nodes) bytes += it.node.memory_bytes;
    topology.nodes = {only_node(bytes)};
  }

  const int first_node = topology.nodes.front().id;
  for (const int i : limits.processors) {
    MachineProcessor processor = read_processor(i, sys);
    const auto node = node_of.find(i);
    processor.node = topology.nodes_are_known && node != node_of.end()
                         ? node->second
                         : first_node;
    topology.processors.push_back(processor);
  }
  std::ranges::sort(topology.processors, {}, [](const MachineProcessor& it) {
    return std::tuple(it.node, it.package, it.core, it.id);
  });
  for (const MachineProcessor& processor : topology.processors) {
    const auto node =
        std::ranges::find(topology.nodes, processor.node, &MachineNode::id);
    node->processors.push_back(processor.id);
  }
  return topology;
}

}  // namespace pilotfish
