#include "backends/machine_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "backends/cpu/kv_storage.h"
#include "backends/cpu/weights.h"
#include "base/memory_placer.h"
#include "base/thread_team.h"
#include "formats/checkpoint.h"
#include "kernels/kernels.h"
#include "model/config.h"
#include "model/kv_layout.h"

namespace pilotfish {
namespace {

// Adds up what would be placed where.
class PlacedBytes final : public MemoryPlacer {
 public:
  void place(std::span<const std::byte> range, int node) override {
    bytes_[node] += static_cast<std::int64_t>(range.size());
  }
  std::map<int, std::int64_t> take() { return std::exchange(bytes_, {}); }

 private:
  std::map<int, std::int64_t> bytes_;
};

std::string why_placed(const MachineTopology& topology, int nodes,
                       std::string_view no_placer) {
  if (!topology.nodes_are_known) {
    return "the system does not say which node a processor belongs to, so one "
           "is assumed";
  }
  if (topology.nodes.size() == 1) return "there is one node";
  if (!no_placer.empty()) {
    return fmt::format("{}, so one node is assumed", no_placer);
  }
  if (nodes > 1) return "each thread reads memory of its own node";
  return "all threads are on one node";
}

void describe_kernels(MachineReport& report) {
  for (const Kernels* set : available_kernels()) {
    report.instruction_sets.push_back(set->name);
  }
  report.missing_sets = missing_kernels();
  report.instruction_set = best_kernels().name;
  const char* forced = std::getenv("PILOTFISH_ISA");
  report.instruction_set_why = forced != nullptr && *forced != '\0'
                                   ? "PILOTFISH_ISA names it"
                                   : "the fastest that this processor runs";
}

}  // namespace

MachineReport report_machine(const MachineTopology& topology, int threads,
                             std::string_view no_placer) {
  MachineReport report;
  report.threads = threads;
  std::vector<ThreadNode> nodes;
  if (no_placer.empty()) nodes = thread_nodes(topology);
  const ThreadNodes dealt(nodes, threads);
  report.places = dealt.size() > 1;
  report.places_why = why_placed(topology, dealt.size(), no_placer);
  std::set<int> sockets;
  std::set<int> cores;
  for (const MachineNode& node : topology.nodes) {
    NodeReport it = {.id = node.id,
                     .processors = node.processors,
                     .memory_bytes = node.memory_bytes};
    std::ranges::sort(it.processors);
    std::set<int> of_node;
    for (const MachineProcessor& processor : topology.processors) {
      if (processor.node != node.id) continue;
      of_node.insert(processor.core);
      sockets.insert(processor.package);
    }
    it.cores = static_cast<int>(of_node.size());
    cores.merge(of_node);
    for (int i = 0; report.places && i < dealt.size(); ++i) {
      const IndexRange ranks = dealt.ranks(i);
      if (dealt[i].memory == node.id) {
        it.threads = static_cast<int>(ranks.end - ranks.begin);
      }
    }
    report.nodes.push_back(std::move(it));
  }
  report.sockets = static_cast<int>(sockets.size());
  report.cores = static_cast<int>(cores.size());
  report.processors = static_cast<int>(topology.processors.size());
  describe_kernels(report);
  return report;
}

PlacementReport report_placement(const std::filesystem::path& model,
                                 const KvCacheOptions& cache, int threads,
                                 const std::vector<ThreadNode>& nodes,
                                 int only_node) {
  auto checkpoint = Checkpoint::open(model);
  const ModelConfig config = read_config(*checkpoint);
  const KvLayout layout = make_kv_layout(config, cache);
  PlacedBytes placed;
  ThreadTeam team(threads, nodes, &placed);
  const Weights weights(
      std::move(checkpoint), config, Shard(config, 0, 1),
      {.packs_bf16 = best_kernels().packed.has_bf16, .copies = false}, team);
  PlacementReport report;
  if (team.nodes() == 1) {
    report.nodes = {{only_node, weights.bytes(), layout.bytes()}};
    return report;
  }
  const auto of_weights = placed.take();
  const CpuKvStorage storage(layout, team);
  auto of_cache = placed.take();
  report.weights_anywhere = weights.bytes();
  for (const auto& [node, bytes] : of_weights) {
    report.nodes.push_back({node, bytes, of_cache[node]});
    report.weights_anywhere -= bytes;
  }
  return report;
}

MachineReport describe_machine(int threads) {
  const MachineTopology topology = read_topology(process_limits());
  return report_machine(topology, team_size(threads), no_placer_reason());
}

PlacementReport describe_placement(const std::filesystem::path& model,
                                   const KvCacheOptions& cache, int threads) {
  const MachineTopology topology = read_topology(process_limits());
  std::vector<ThreadNode> nodes;
  if (system_placer() != nullptr) nodes = thread_nodes(topology);
  return report_placement(model, cache, team_size(threads), nodes,
                          topology.nodes.front().id);
}

}  // namespace pilotfish
