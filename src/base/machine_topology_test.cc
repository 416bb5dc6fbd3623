#include "base/machine_topology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "fake_machine.h"

namespace pilotfish {
namespace {

using test::FakeMachine;
using test::kEightProcessors;
using Ids = std::vector<int>;

Ids core_order(const MachineTopology& topology) {
  Ids ids;
  for (const MachineProcessor& it : topology.processors) ids.push_back(it.id);
  return ids;
}

// What holds however little the system says.
void expect_sound(const MachineTopology& topology, const Ids& processors) {
  Ids all = core_order(topology);
  std::ranges::sort(all);
  EXPECT_EQ(all, processors);
  ASSERT_FALSE(topology.nodes.empty());
  Ids ids;
  Ids of_nodes;
  for (const MachineNode& node : topology.nodes) {
    ids.push_back(node.id);
    EXPECT_GE(node.memory_bytes, 0);
    for (const int i : node.processors) of_nodes.push_back(i);
  }
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  EXPECT_EQ(std::set<int>(ids.begin(), ids.end()).size(), ids.size());
  EXPECT_EQ(of_nodes, core_order(topology));
  for (const MachineNode& node : topology.nodes) {
    EXPECT_EQ(std::ranges::count(ids, node.memory_node), 1);
  }
}

TEST(IdList, ReadsWhatLinuxWrites) {
  EXPECT_EQ(parse_id_list("0-3,8\n"), (Ids{0, 1, 2, 3, 8}));
  EXPECT_EQ(parse_id_list("7"), Ids{7});
  EXPECT_EQ(parse_id_list("\n"), Ids{});
  for (const char* text :
       {"x", ",1", "1-", "-1", "3-1", "1,1", "2,1", "0-4294967295",
        "99999999999999999999", "1 2", "1-2-3", "0x1", "+1"}) {
    EXPECT_FALSE(parse_id_list(text)) << text;
  }
}

TEST(Topology, TwoSocketsInCoreOrder) {
  FakeMachine machine;
  test::make_two_sockets(machine);
  const MachineTopology topology = machine.read(kEightProcessors);
  expect_sound(topology, kEightProcessors.processors);
  EXPECT_TRUE(topology.nodes_are_known);
  EXPECT_EQ(core_order(topology), (Ids{0, 4, 1, 5, 2, 6, 3, 7}));
  ASSERT_EQ(topology.nodes.size(), 2u);
  EXPECT_EQ(topology.nodes[0].processors, (Ids{0, 4, 1, 5}));
  EXPECT_EQ(topology.nodes[1].processors, (Ids{2, 6, 3, 7}));
  EXPECT_EQ(topology.nodes[0].memory_bytes, 1000 * 1024);
  EXPECT_EQ(topology.nodes[1].memory_bytes, 3000 * 1024);
  EXPECT_EQ(topology.nodes[1].memory_node, 1);
  EXPECT_EQ(topology.processors[5].core, 2);
  EXPECT_EQ(topology.processors[5].package, 1);
  EXPECT_EQ(topology.processors[5].node, 1);
}

TEST(Topology, KeepsToWhatTheProcessMayUse) {
  FakeMachine machine;
  test::make_two_sockets(machine);
  // Processor 7 is not among them, as one that is offline would not be.
  const MachineTopology topology = machine.read({{1, 2, 6}, Ids{0}});
  expect_sound(topology, {1, 2, 6});
  EXPECT_EQ(core_order(topology), (Ids{1, 2, 6}));
  EXPECT_EQ(topology.nodes[1].processors, (Ids{2, 6}));
  EXPECT_EQ(topology.nodes[1].memory_bytes, 0);  // there is, for others
  EXPECT_EQ(topology.nodes[1].memory_node, 0);
}

// Node 2 has memory alone, nodes 4 and 6 have processors alone; 4 is near to
// node 2, 6 to node 0.
TEST(Topology, FourNodesOfWhichSomeLackProcessorsOrMemory) {
  FakeMachine machine;
  machine.add_node(0, "0", 100, "10 14 20 12");
  machine.add_node(2, "", 200, "14 10 12 20");
  machine.add_node(4, "1", 0, "20 12 10 20");
  machine.add_node(6, "2-3", 0, "12 20 20 10");
  const MachineTopology topology = machine.read({{0, 1, 2, 3}, {}});
  expect_sound(topology, {0, 1, 2, 3});
  ASSERT_EQ(topology.nodes.size(), 4u);
  EXPECT_EQ(topology.nodes[1].processors, Ids{});
  EXPECT_EQ(topology.nodes[1].memory_node, 2);
  EXPECT_EQ(topology.nodes[2].memory_node, 2);
  EXPECT_EQ(topology.nodes[3].memory_node, 0);
}

TEST(Topology, NothingSaidIsOneNode) {
  const FakeMachine nothing;
  for (const Ids& processors : {Ids{0, 3}, Ids{}}) {
    const MachineTopology topology = nothing.read({processors, {}});
    expect_sound(topology, processors);
    EXPECT_EQ(topology.nodes.size(), 1u);
    EXPECT_FALSE(topology.nodes_are_known);
  }
}

TEST(Topology, DamagedFilesCountAsNotSaid) {
  FakeMachine machine;
  test::make_two_sockets(machine);
  machine.write("devices/system/node/online", "0-99999999999");
  EXPECT_EQ(machine.read(kEightProcessors).nodes.size(), 1u);
  machine.write("devices/system/node/online", "0-1");
  machine.write("devices/system/node/node0/cpulist", "0-1,4-\xff");
  machine.write("devices/system/node/node1/meminfo", "Node 1 MemTotal: many");
  machine.write("devices/system/cpu/cpu3/topology/thread_siblings_list", "0");
  machine.write("devices/system/cpu/cpu3/topology/physical_package_id", "-1");
  const MachineTopology topology = machine.read(kEightProcessors);
  expect_sound(topology, kEightProcessors.processors);
  // Whose node is not said belongs to the first.
  EXPECT_EQ(topology.nodes[0].processors, (Ids{0, 4, 1, 5}));
  EXPECT_EQ(topology.nodes[1].memory_bytes, 0);
  EXPECT_EQ(topology.nodes[1].memory_node, 0);
  for (const MachineProcessor& it : topology.processors) {
    if (it.id == 3) {
      EXPECT_EQ(it.core, 3);
      EXPECT_EQ(it.package, 0);
    }
  }
  machine.write("devices/system/node/node1/cpulist", "none");
  EXPECT_FALSE(machine.read(kEightProcessors).nodes_are_known);
}

// Any bytes in any of the files.
TEST(Topology, IsSoundWhateverTheFilesHold) {
  std::mt19937 random(5);
  const auto below = [&](size_t n) { return random() % n; };
  FakeMachine machine;
  test::make_two_sockets(machine);
  const auto files = machine.files();
  std::map<std::string, std::string> originals;
  for (const std::string& name : files) {
    originals[name] = test::read_file(machine.sys() / name);
  }
  for (int round = 0; round < 100; ++round) {
    std::set<std::string> changed;
    for (size_t changes = 1 + below(4); changes > 0; --changes) {
      const std::string& name = files[below(files.size())];
      std::string text = originals[name];
      constexpr std::string_view kBytes = "0123456789,- \n\xff";
      for (size_t edits = below(4); edits > 0 && !text.empty(); --edits) {
        const size_t at = below(text.size());
        const char byte = kBytes[below(kBytes.size())];
        if (below(2) == 0)
          text[at] = byte;
        else
          text.insert(at, 1, byte);
      }
      if (below(6) == 0) text.resize(below(text.size() + 1));
      machine.write(name, text);
      changed.insert(name);
    }
    expect_sound(machine.read(kEightProcessors), kEightProcessors.processors);
    for (const std::string& name : changed) {
      machine.write(name, originals[name]);
    }
  }
}

TEST(Topology, OfThisMachine) {
  const ProcessLimits limits = process_limits();
  EXPECT_FALSE(limits.processors.empty());
  expect_sound(read_topology(limits), limits.processors);
}

}  // namespace
}  // namespace pilotfish
