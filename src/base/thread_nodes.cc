#include "base/thread_nodes.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace pilotfish {

ThreadNodes::ThreadNodes(const std::vector<ThreadNode>& nodes, int threads) {
  std::int64_t processors = 0;
  for (const ThreadNode& node : nodes)
    processors += std::ssize(node.processors);
  std::int64_t before = 0;
  for (const ThreadNode& node : nodes) {
    const std::int64_t until = before + std::ssize(node.processors);
    const IndexRange ranks = {threads * before / processors,
                              threads * until / processors};
    if (!ranks.empty()) nodes_.push_back({node, ranks});
    before = until;
  }
}

int ThreadNodes::node_of(int rank) const {
  int node = 0;
  while (ranks(node).end <= rank) ++node;
  assert(node < size());
  return node;
}

std::vector<ThreadNode> thread_nodes(const MachineTopology& topology) {
  std::vector<ThreadNode> nodes;
  for (const MachineNode& node : topology.nodes) {
    if (node.processors.empty()) continue;
    const auto same =
        std::ranges::find(nodes, node.memory_node, &ThreadNode::memory);
    if (same == nodes.end()) {
      nodes.push_back({node.memory_node, node.processors});
    } else {
      same->processors.insert(same->processors.end(), node.processors.begin(),
                              node.processors.end());
    }
  }
  return nodes;
}

}  // namespace pilotfish
