#include "base/thread_team.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include "fake_machine.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

TEST(ThreadTeam, RunsEveryRankOnce) {
  for (const int size : {1, 2, 3, 7}) {
    ThreadTeam team(size);
    for (int repeat = 0; repeat < 200; ++repeat) {
      std::vector<int> calls(static_cast<size_t>(size), 0);
      team.run([&](int rank) { ++calls[static_cast<size_t>(rank)]; });
      EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(size), 1));
    }
  }
}

TEST(ThreadTeam, WritesOfWorkersAreSeenByTheCaller) {
  ThreadTeam team(4);
  std::vector<int> values(1000);
  for (int round = 1; round <= 300; ++round) {
    team.parallel_for(1000, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        values[static_cast<size_t>(i)] += round;
      }
    });
  }
  for (const int value : values) EXPECT_EQ(value, 300 * 301 / 2);
}

TEST(ThreadTeam, ParallelForCoversTheRangeInGrains) {
  for (const int size : {1, 2, 5}) {
    ThreadTeam team(size);
    for (const std::int64_t count : {0, 1, 15, 16, 17, 100}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
      team.parallel_for(count, 16, [&](std::int64_t begin, std::int64_t end) {
        EXPECT_LT(begin, end);
        EXPECT_EQ(begin % 16, 0);
        for (std::int64_t i = begin; i < end; ++i) {
          ++seen[static_cast<size_t>(i)];
        }
      });
      for (const auto& times : seen) EXPECT_EQ(times.load(), 1);
    }
  }
}

// Workers that went to sleep between two tasks have to wake for the next.
TEST(ThreadTeam, WakesSleepingWorkers) {
  ThreadTeam team(3);
  std::atomic<int> calls{0};
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    team.run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls.load(), 15);
}

cpu_set_t allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof(set), &set);
  return set;
}

// The calling thread, and those that it starts, on one processor alone.
class OnOneProcessor {
 public:
  explicit OnOneProcessor(int processor) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(processor), &one);
    ::sched_setaffinity(0, sizeof(one), &one);
  }
  ~OnOneProcessor() { ::sched_setaffinity(0, sizeof(before_), &before_); }
  OnOneProcessor(const OnOneProcessor&) = delete;
  OnOneProcessor& operator=(const OnOneProcessor&) = delete;

 private:
  const cpu_set_t before_ = allowed_processors();
};

TEST(ThreadTeam, SharesAProcessorWhereThereIsOne) {
  const OnOneProcessor one(::sched_getcpu());
  ThreadTeam team(3);
  std::atomic<int> calls{0};
  for (int i = 0; i < 2000; ++i) team.run([&](int) { ++calls; });
  EXPECT_EQ(calls.load(), 6000);
}

// A worker whose processor the caller comes to goes elsewhere, and is as free
// as before.
TEST(ThreadTeam, AWorkerLeavesTheCallersProcessor) {
  const cpu_set_t allowed = allowed_processors();
  if (CPU_COUNT(&allowed) < 2) GTEST_SKIP() << "there is one processor";
  ThreadTeam team(2);
  int processor = 0;
  int restricted = 0;
  int together = 0;
  for (int i = 0; i < 50; ++i) {
    team.run([&](int rank) {
      if (rank == 1) processor = ::sched_getcpu();
    });
    const OnOneProcessor one(processor);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    team.run([&](int rank) {
      if (rank == 0) return;
      const cpu_set_t set = allowed_processors();
      restricted += CPU_EQUAL(&set, &allowed) ? 0 : 1;
      together += ::sched_getcpu() == processor ? 1 : 0;
    });
  }
  EXPECT_EQ(restricted, 0);
  EXPECT_LT(together, 50);  // others may keep it from going, not always
}

// The first two that this thread may run on; none where there is one.
std::vector<int> two_processors() {
  std::vector<int> processors = process_limits().processors;
  processors.resize(std::min<size_t>(processors.size(), 2));
  if (processors.size() < 2) processors.clear();
  return processors;
}

cpu_set_t only(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(processor), &set);
  return set;
}

TEST(ThreadTeam, WorkersStayOnTheirNode) {
  const std::vector<int> processors = two_processors();
  if (processors.empty()) GTEST_SKIP() << "there is one processor";
  const cpu_set_t before = allowed_processors();
  ThreadTeam team(4, {{7, {processors[0]}}, {8, {processors[1]}}});
  EXPECT_EQ(team.nodes(), 2);
  std::vector<cpu_set_t> sets(4);
  for (int i = 0; i < 20; ++i) {
    team.run([&](int rank) {
      sets[static_cast<size_t>(rank)] = allowed_processors();
    });
    for (int rank = 1; rank < 4; ++rank) {
      const cpu_set_t home = only(processors[rank < 2 ? 0 : 1]);
      EXPECT_TRUE(CPU_EQUAL(&sets[static_cast<size_t>(rank)], &home)) << rank;
    }
    EXPECT_TRUE(CPU_EQUAL(&sets[0], &before));  // the caller's is its own
  }
}

TEST(ThreadTeam, TheCallerIsAtHomeForAWhile) {
  const std::vector<int> processors = two_processors();
  if (processors.empty()) GTEST_SKIP() << "there is one processor";
  const cpu_set_t before = allowed_processors();
  const cpu_set_t home = only(processors[1]);
  cpu_set_t now;
  ThreadTeam team(2, {{7, {processors[1]}}, {8, {processors[0]}}});
  {
    const ThreadTeam::CallerAtHome at_home(team);
    now = allowed_processors();
    EXPECT_TRUE(CPU_EQUAL(&now, &home));
  }
  now = allowed_processors();
  EXPECT_TRUE(CPU_EQUAL(&now, &before));
  {  // one that may not run there stays where it is
    const OnOneProcessor elsewhere(processors[0]);
    const ThreadTeam::CallerAtHome at_home(team);
    now = allowed_processors();
    const cpu_set_t other = only(processors[0]);
    EXPECT_TRUE(CPU_EQUAL(&now, &other));
  }
  ThreadTeam free(2);
  const ThreadTeam::CallerAtHome at_home(free);
  now = allowed_processors();
  EXPECT_TRUE(CPU_EQUAL(&now, &before));
}

TEST(ThreadTeam, PlacesMemoryByNodeWhereThereAreSeveral) {
  std::vector<std::byte> memory(100);
  test::RecordingPlacer placer;
  ThreadTeam(2, test::pretended_nodes({8}), &placer).place(memory, 0);
  ThreadTeam(1, test::pretended_nodes({4, 4}), &placer).place(memory, 0);
  ThreadTeam(2, test::pretended_nodes({4, 4})).place(memory, 1);
  EXPECT_TRUE(placer.empty());
  ThreadTeam(2, test::pretended_nodes({4, 4}), &placer).place(memory, 1);
  EXPECT_EQ(placer.node_of(&memory[99]), 11);
}
#ifndef PILOTFISH_SANITIZED
// Sanitizers start threads of their own.

// Runs in a process of its own, as a user who may have `most` threads in all,
// this one included; what `check` returns is whether all was well. Only root
// can become that user: others get no further thread, whatever `most` is.
bool as_limited_user(rlim_t most, const std::function<bool()>& check) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);  // a team that hangs ends here
    if (::getuid() != 0) most = 1;
    const rlimit limit = {most, most};
    // The limit counts the threads of a user, so that each test needs another.
    const auto nobody_else = static_cast<uid_t>(20000 + ::getpid() % 40000);
    const bool ready = ::setrlimit(RLIMIT_NPROC, &limit) == 0 &&
                       (::getuid() != 0 || ::setuid(nobody_else) == 0);
    ::_exit(ready && check() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ThreadTeam, IsSmallerWhereThreadsCannotBeStarted) {
  for (const int most : {1, 3}) {
    const int expected = ::getuid() == 0 ? most : 1;
    EXPECT_TRUE(as_limited_user(static_cast<rlim_t>(most), [&] {
      ThreadTeam team(8);
      std::atomic<int> ranks{0};
      for (int i = 0; i < 100; ++i) team.run([&](int) { ++ranks; });
      std::atomic<std::int64_t> covered{0};
      team.parallel_for(1000, 1, [&](std::int64_t begin, std::int64_t end) {
        covered += end - begin;
      });
      return team.size() == expected && team.missing() == 8 - expected &&
             ranks == 100 * expected && covered == 1000;
    })) << most;
  }
}
#endif

TEST(Threads, CountIsChecked) {
  EXPECT_THROW(make_threads(-1), UsageError);
  EXPECT_THROW(make_threads(100000), UsageError);
  EXPECT_GE(thread_count(*make_threads(0)), 1);
  EXPECT_EQ(thread_count(*make_threads(3)), 3);
  EXPECT_EQ(missing_threads(*make_threads(3)), 0);
}

}  // namespace
}  // namespace pilotfish
