#ifndef PILOTFISH_TOPOLOGY_H_
#define PILOTFISH_TOPOLOGY_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/kv_cache.h"

namespace pilotfish {

// Memory and the processors that are near to it (a NUMA node): what is plugged
// into a socket, or a part of it where the firmware divides it.
struct NodeReport {
  int id;                         // the system's number
  std::vector<int> processors;    // that this process may use, ascending
  int cores = 0;                  // that these processors are
  std::int64_t memory_bytes = 0;  // 0: none that this process may use, or the
                                  // system does not say
  int threads = 0;  // that compute here; see MachineReport::places
};

struct MachineReport {
  std::vector<NodeReport> nodes;  // ascending, at least one
  int sockets = 0;                // with processors that this process may use
  int cores = 0;
  int processors = 0;
  int threads = 0;  // of a team

  // Whether threads stay on their node, and what they read lies there; and why,
  // or why not.
  bool places = false;
  std::string places_why;

  std::vector<std::string_view> instruction_sets;  // slowest first
  std::vector<std::string_view> missing_sets;      // that this processor lacks
  std::string_view instruction_set;                // that computes
  std::string instruction_set_why;
};

// What this process may use of the machine, and what a team of so many threads
// (0: one per processor) does with it. Throws UsageError as make_threads does.
MachineReport describe_machine(int threads = 0);

// Bytes in the memory of a node.
struct NodeShare {
  int node;  // NodeReport::id
  std::int64_t weights;
  std::int64_t kv_cache;
};
struct PlacementReport {
  std::vector<NodeShare> nodes;       // ascending
  std::int64_t weights_anywhere = 0;  // norms, biases, and an embedding that is
                                      // looked up in the file
};

// Where a model's weights, in the types they are stored in, and a cache would
// lie that a team of so many threads reads; with one node all of it is there.
// Reads none of the matrices. Throws as Model::load does.
PlacementReport describe_placement(const std::filesystem::path& model,
                                   const KvCacheOptions& cache,
                                   int threads = 0);

}  // namespace pilotfish

#endif  // PILOTFISH_TOPOLOGY_H_
