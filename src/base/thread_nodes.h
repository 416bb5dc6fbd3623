#ifndef PILOTFISH_BASE_THREAD_NODES_H_
#define PILOTFISH_BASE_THREAD_NODES_H_

#include <vector>

#include "base/index_range.h"
#include "base/machine_topology.h"

namespace pilotfish {

// Processors whose threads read memory of one node.
struct ThreadNode {
  int memory;                   // where that lies: MachineNode::id
  std::vector<int> processors;  // at least one
};

// A machine's, as the threads of one team are dealt to them: contiguous ranges
// of ranks, in proportion to the processors.
class ThreadNodes {
 public:
  // Nodes that get no thread are left out.
  ThreadNodes(const std::vector<ThreadNode>& nodes, int threads);

  int size() const { return static_cast<int>(nodes_.size()); }
  const ThreadNode& operator[](int node) const {
    return nodes_[static_cast<size_t>(node)].node;
  }
  IndexRange ranks(int node) const {
    return nodes_[static_cast<size_t>(node)].ranks;
  }
  int node_of(int rank) const;

 private:
  struct Entry {
    ThreadNode node;
    IndexRange ranks;
  };
  std::vector<Entry> nodes_;
};

// Nodes with processors, by the memory that is nearest to them.
std::vector<ThreadNode> thread_nodes(const MachineTopology& topology);

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_THREAD_NODES_H_
