#include "backends/machine_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_machine.h"
#include "kernels/kernels.h"
#include "pilotfish/error.h"
#include "pilotfish/inspect.h"
#include "random_model.h"

namespace pilotfish {
namespace {

using test::FakeMachine;
using test::kEightProcessors;
using ::testing::HasSubstr;

TEST(MachineReports, TwoSockets) {
  FakeMachine machine;
  test::make_two_sockets(machine);
  const MachineTopology topology = machine.read(kEightProcessors);
  const MachineReport report = report_machine(topology, 6, "");
  EXPECT_EQ(report.sockets, 2);
  EXPECT_EQ(report.cores, 4);
  EXPECT_EQ(report.processors, 8);
  EXPECT_TRUE(report.places);
  ASSERT_EQ(report.nodes.size(), 2u);
  EXPECT_EQ(report.nodes[1].processors, (std::vector<int>{2, 3, 6, 7}));
  EXPECT_EQ(report.nodes[1].cores, 2);
  EXPECT_EQ(report.nodes[1].threads, 3);
  EXPECT_EQ(report.nodes[1].memory_bytes, 3000 * 1024);
  EXPECT_EQ(report.instruction_set, best_kernels().name);
  EXPECT_EQ(report.instruction_sets.size(), available_kernels().size());

  const MachineReport one = report_machine(topology, 1, "");
  EXPECT_FALSE(one.places);
  EXPECT_EQ(one.places_why, "all threads are on one node");
  const MachineReport unplaced = report_machine(topology, 6, "no way");
  EXPECT_FALSE(unplaced.places);
  EXPECT_EQ(unplaced.places_why, "no way, so one node is assumed");
  EXPECT_EQ(unplaced.nodes.size(), 2u);
}

TEST(MachineReports, WithoutSys) {
  const FakeMachine nothing;
  const MachineReport report =
      report_machine(nothing.read(kEightProcessors), 8, "");
  EXPECT_FALSE(report.places);
  EXPECT_THAT(report.places_why, HasSubstr("does not say which node"));
  ASSERT_EQ(report.nodes.size(), 1u);
  EXPECT_EQ(report.nodes[0].processors.size(), 8u);
}

TEST(MachineReports, OfThisMachine) {
  const MachineReport report = describe_machine(3);
  EXPECT_EQ(report.threads, 3);
  EXPECT_GE(report.processors, 1);
  EXPECT_GE(report.cores, 1);
  EXPECT_FALSE(report.places_why.empty());
  EXPECT_THROW(describe_machine(-1), UsageError);
}

TEST(PlacementReports, AddUpToTheModelAndItsCache) {
  const test::TemporaryFolder folder;
  for (const DType dtype : {DType::kF32, DType::kQ4_0}) {
    const auto path =
        folder.path() / (std::string(dtype_name(dtype)) + ".gguf");
    test::write_random_gguf(path, {.vocab_size = 512,
                                   .hidden_size = 256,
                                   .intermediate_size = 512,
                                   .n_heads = 8,
                                   .n_kv_heads = 4,
                                   .head_dim = 32,
                                   .dtype = dtype});
    const KvCacheOptions cache = {.n_positions = 64};
    const auto one = report_placement(path, cache, 4, {}, 5);
    ASSERT_EQ(one.nodes.size(), 1u);
    EXPECT_EQ(one.nodes[0].node, 5);
    EXPECT_EQ(one.weights_anywhere, 0);
    const std::int64_t embedding = 512 * row_bytes(dtype, 256);
    for (const std::vector<int>& nodes :
         {std::vector<int>{1, 1}, std::vector<int>{3, 1}}) {
      const auto two =
          report_placement(path, cache, 4, test::pretended_nodes(nodes), 0);
      ASSERT_EQ(two.nodes.size(), 2u);
      EXPECT_EQ(two.nodes[0].node, 10);
      EXPECT_EQ(
          two.nodes[0].weights + two.nodes[1].weights + two.weights_anywhere,
          one.nodes[0].weights);
      EXPECT_EQ(two.nodes[0].kv_cache + two.nodes[1].kv_cache,
                one.nodes[0].kv_cache);
      // In proportion to the processors: heads exactly, rows within a grain.
      EXPECT_EQ(two.nodes[0].kv_cache, nodes[0] * two.nodes[1].kv_cache);
      EXPECT_NEAR(static_cast<double>(two.nodes[0].weights) /
                      static_cast<double>(two.nodes[1].weights),
                  nodes[0], 0.2);
      EXPECT_GE(two.weights_anywhere, embedding);
      EXPECT_LT(two.weights_anywhere, embedding + 10'000);
    }
  }
  EXPECT_THROW(report_placement(folder.path() / "none", {}, 1, {}, 0), Error);
}

}  // namespace
}  // namespace pilotfish
