#include "base/thread_nodes.h"

#include <gtest/gtest.h>

#include "fake_machine.h"

namespace pilotfish {
namespace {

using test::pretended_nodes;

TEST(IndexRange, SharesCoverEverythingInGrains) {
  for (const std::int64_t count : {0, 1, 15, 16, 17, 100, 333}) {
    for (const std::int64_t grain : {1, 16, 24}) {
      for (const int threads : {1, 2, 3, 7}) {
        std::int64_t next = 0;
        for (int rank = 0; rank < threads; ++rank) {
          const IndexRange share = share_of(count, grain, rank, threads);
          if (share.empty()) continue;
          EXPECT_EQ(share.begin, next);
          EXPECT_EQ(share.begin % grain, 0);
          next = share.end;
        }
        EXPECT_EQ(next, count);
      }
    }
  }
  EXPECT_EQ(share_of(16, 16, 0, 3), (IndexRange{0, 16}));
}

TEST(ThreadNodes, DealRanksInProportionToProcessors) {
  const ThreadNodes even(pretended_nodes({4, 4}), 8);
  ASSERT_EQ(even.size(), 2);
  EXPECT_EQ(even.ranks(0), (IndexRange{0, 4}));
  EXPECT_EQ(even.ranks(1), (IndexRange{4, 8}));
  EXPECT_EQ(even.node_of(3), 0);
  EXPECT_EQ(even.node_of(4), 1);

  const ThreadNodes uneven(pretended_nodes({2, 6, 4}), 6);
  EXPECT_EQ(uneven.ranks(0), (IndexRange{0, 1}));
  EXPECT_EQ(uneven.ranks(1), (IndexRange{1, 4}));
  EXPECT_EQ(uneven.ranks(2), (IndexRange{4, 6}));

  // One without a thread is left out.
  const ThreadNodes few(pretended_nodes({1, 7, 7}), 2);
  ASSERT_EQ(few.size(), 2);
  EXPECT_EQ(few[0].memory, 11);
  EXPECT_EQ(few[1].memory, 12);
  EXPECT_EQ(ThreadNodes(pretended_nodes({4, 4}), 1).size(), 1);
  EXPECT_EQ(ThreadNodes({}, 4).size(), 0);
}

TEST(ThreadNodes, GoByTheNearestMemory) {
  test::FakeMachine machine;
  test::make_two_sockets(machine);
  const auto both = thread_nodes(machine.read(test::kEightProcessors));
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[1].memory, 1);
  EXPECT_EQ(both[1].processors, (std::vector<int>{2, 6, 3, 7}));
  // Where one node's memory is all that may be used, nothing is to be placed.
  const auto limited =
      thread_nodes(machine.read({test::kEightProcessors.processors, {{1}}}));
  ASSERT_EQ(limited.size(), 1u);
  EXPECT_EQ(limited[0].memory, 1);
  EXPECT_EQ(limited[0].processors.size(), 8u);
  EXPECT_EQ(thread_nodes(machine.read({{0, 5}, {}})).size(), 1u);
}

}  // namespace
}  // namespace pilotfish
