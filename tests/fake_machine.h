#ifndef PILOTFISH_TESTS_FAKE_MACHINE_H_
#define PILOTFISH_TESTS_FAKE_MACHINE_H_

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/machine_topology.h"
#include "base/memory_placer.h"
#include "base/thread_nodes.h"
#include "test_data.h"

// Machines that nobody has at hand.
namespace pilotfish::test {

// Files as Linux has them under /sys, of a machine built up call by call.
class FakeMachine {
 public:
  void add_node(int id, const std::string& processors, long kilobytes,
                const std::string& distances = "") {
    nodes_.push_back(id);
    const std::string folder = fmt::format("devices/system/node/node{}/", id);
    write(folder + "cpulist", processors);
    write(folder + "meminfo", fmt::format("Node {0} MemTotal:       {1} kB\n"
                                          "Node {0} MemFree:        7 kB",
                                          id, kilobytes));
    if (!distances.empty()) write(folder + "distance", distances);
    write("devices/system/node/online",
          fmt::format("{}", fmt::join(nodes_, ",")));
  }
  // `siblings`: the processors of its core, itself among them.
  void add_processor(int id, int package, const std::string& siblings) {
    const std::string folder =
        fmt::format("devices/system/cpu/cpu{}/topology/", id);
    write(folder + "physical_package_id", fmt::format("{}", package));
    write(folder + "thread_siblings_list", siblings);
  }
  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text << '\n';
    files_.push_back(name);
  }

  std::filesystem::path sys() const { return folder_.path(); }
  const std::vector<std::string>& files() const { return files_; }
  MachineTopology read(const ProcessLimits& limits) const {
    return read_topology(limits, sys());
  }

 private:
  const TemporaryFolder folder_;
  std::vector<int> nodes_;
  std::vector<std::string> files_;  // one for each write
};

// Two packages of two cores, of two processors each, numbered as Linux does:
// first one of every core, then the others.
inline void make_two_sockets(FakeMachine& machine) {
  machine.add_node(0, "0-1,4-5", 1000, "10 21");
  machine.add_node(1, "2-3,6-7", 3000, "21 10");
  for (int i = 0; i < 8; ++i) {
    machine.add_processor(i, i % 4 / 2, fmt::format("{},{}", i % 4, i % 4 + 4));
  }
}
inline const ProcessLimits kEightProcessors = {{0, 1, 2, 3, 4, 5, 6, 7}, {}};

// Nodes 10, 11, ... for a team, with so many processors each, which no machine
// has: its threads cannot be kept there, and so run anywhere.
inline std::vector<ThreadNode> pretended_nodes(
    const std::vector<int>& processors) {
  std::vector<ThreadNode> nodes;
  int next = 900;
  for (const int count : processors) {
    nodes.push_back({10 + static_cast<int>(nodes.size()), {}});
    for (int i = 0; i < count; ++i) {
      nodes.back().processors.push_back(next++);
    }
  }
  return nodes;
}

// Remembers what was placed where, and places nothing.
class RecordingPlacer final : public MemoryPlacer {
 public:
  void place(std::span<const std::byte> range, int node) override {
    const std::scoped_lock lock(mutex_);
    saw_written_ |= std::ranges::any_of(
        range, [](std::byte byte) { return byte != std::byte{0}; });
    ends_[range.data() + range.size()] = {range.data(), node};
  }
  // -1 for a byte that was never placed.
  int node_of(const std::byte* byte) const {
    const auto range = ends_.upper_bound(byte);
    const bool found = range != ends_.end() && range->second.begin <= byte;
    return found ? range->second.node : -1;
  }
  bool empty() const { return ends_.empty(); }
  // Whether something had been written before it was placed: too late.
  bool saw_written() const { return saw_written_; }

 private:
  struct Placed {
    const std::byte* begin;
    int node;
  };
  std::mutex mutex_;
  std::map<const std::byte*, Placed> ends_;
  bool saw_written_ = false;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_FAKE_MACHINE_H_
