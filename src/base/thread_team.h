#ifndef PILOTFISH_BASE_THREAD_TEAM_H_
#define PILOTFISH_BASE_THREAD_TEAM_H_

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/function_ref.h"
#include "base/index_range.h"
#include "base/memory_placer.h"
#include "base/thread_nodes.h"
#include "pilotfish/threads.h"

namespace pilotfish {

// How many this process may use.
int available_processors();

// A fixed set of threads that run one function together, the caller among them.
// Workers spin briefly for the next call and then sleep; they move off the
// caller's processor where they are allowed on another, and nobody spins where
// that keeps the others from running. One caller at a time; calls do not nest.
//
// On a machine of several nodes each worker stays on the processors of one, so
// that what it reads again and again can lie in that node's memory.
class ThreadTeam {
 public:
  // `size` counts the caller: 1 runs everything in place. Where a worker cannot
  // be started, the team is that much smaller. With fewer than two nodes
  // threads run where the system puts them. `memory` must outlive the team;
  // null: nothing is placed.
  explicit ThreadTeam(int size, const std::vector<ThreadNode>& nodes = {},
                      MemoryPlacer* memory = nullptr);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }
  int missing() const { return missing_; }  // that could not be started

  // How many nodes the ranks are dealt to, in order; at least 1.
  int nodes() const { return std::max(1, nodes_.size()); }
  int node_of(int rank) const {
    return nodes() == 1 ? 0 : nodes_.node_of(rank);
  }
  // Those of a node.
  IndexRange ranks(int node) const {
    return nodes() == 1 ? IndexRange{0, size_} : nodes_.ranks(node);
  }
  // Asks for the memory of that node for what its threads will read; with one
  // node does nothing. See MemoryPlacer::place.
  void place(std::span<const std::byte> range, int node) const;

  // Keeps the calling thread, which has rank 0, on the processors of rank 0's
  // node for as long as this lives, if it may run on one. Then the thread is
  // as free as before: it is the user's. With one node does nothing.
  class CallerAtHome;

  // Calls function(rank) once for each rank in [0, size()), and returns when
  // all have returned. `function` must not throw.
  void run(FunctionRef<void(int rank)> function);

  // Splits [0, count) into one contiguous range a thread, as share_of does, and
  // calls function(begin, end) for those that are not empty.
  template <typename Function>
  void parallel_for(std::int64_t count, std::int64_t grain,
                    const Function& function) {
    if (size_ == 1 || count <= grain) {
      if (count > 0) function(std::int64_t{0}, count);
      return;
    }
    run([&](int rank) {
      const IndexRange share = share_of(count, grain, rank, size_);
      if (!share.empty()) function(share.begin, share.end);
    });
  }

 private:
  class Patience;

  void stay_on_nodes();
  void work(int rank);
  bool is_apart(int rank, Patience& patience);
  bool looks_for_workers(int spins) const;
  std::atomic<int>& place(int rank) const {
    return places_[static_cast<size_t>(rank)];
  }

  int size_;
  int missing_ = 0;
  ThreadNodes nodes_;  // fewer than two: none
  MemoryPlacer* memory_;
  FunctionRef<void(int)> task_;
  std::atomic<std::uint32_t> generation_{0};  // bumped for each task
  std::atomic<int> running_{0};               // workers still at the task
  std::atomic<bool> stopping_{false};
  std::unique_ptr<std::atomic<int>[]> places_;  // [size], their processors
  std::vector<std::jthread> workers_;
};

class ThreadTeam::CallerAtHome {
 public:
  explicit CallerAtHome(const ThreadTeam& team);
  ~CallerAtHome();
  CallerAtHome(const CallerAtHome&) = delete;
  CallerAtHome& operator=(const CallerAtHome&) = delete;

 private:
  bool moved_ = false;
  cpu_set_t before_;
};

// The size of the team that make_threads(count) asks for. Throws as it does.
int team_size(int count);

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_THREAD_TEAM_H_
