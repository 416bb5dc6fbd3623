#ifndef PILOTFISH_BASE_THREAD_TEAM_H_
#define PILOTFISH_BASE_THREAD_TEAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/function_ref.h"
#include "pilotfish/threads.h"

namespace pilotfish {

// How many this process may use.
int available_processors();

// A fixed set of threads that run one function together, the caller among them.
// Workers spin briefly for the next call and then sleep; they move off the
// caller's processor where they are allowed on another, and nobody spins where
// that keeps the others from running. One caller at a time; calls do not nest.
class ThreadTeam {
 public:
  // `size` counts the caller: 1 runs everything in place. Where a worker cannot
  // be started, the team is that much smaller.
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }
  int missing() const { return missing_; }  // that could not be started

  // Calls function(rank) once for each rank in [0, size()), and returns when
  // all have returned. `function` must not throw.
  void run(FunctionRef<void(int rank)> function);

  // Splits [0, count) into one contiguous range a thread, in multiples of
  // `grain`, and calls function(begin, end) for those that are not empty.
  template <typename Function>
  void parallel_for(std::int64_t count, std::int64_t grain,
                    const Function& function) {
    const std::int64_t grains = (count + grain - 1) / grain;
    if (size_ == 1 || grains <= 1) {
      if (count > 0) function(std::int64_t{0}, count);
      return;
    }
    run([&](int rank) {
      const std::int64_t begin = grains * rank / size_ * grain;
      const std::int64_t end = grains * (rank + 1) / size_ * grain;
      const std::int64_t stop = end < count ? end : count;
      if (begin < stop) function(begin, stop);
    });
  }

 private:
  class Patience;

  void work(int rank);
  bool is_apart(int rank, Patience& patience);
  bool looks_for_workers(int spins) const;
  std::atomic<int>& place(int rank) const {
    return places_[static_cast<size_t>(rank)];
  }

  int size_;
  int missing_ = 0;
  FunctionRef<void(int)> task_;
  std::atomic<std::uint32_t> generation_{0};  // bumped for each task
  std::atomic<int> running_{0};               // workers still at the task
  std::atomic<bool> stopping_{false};
  std::unique_ptr<std::atomic<int>[]> places_;  // [size], their processors
  std::vector<std::jthread> workers_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_THREAD_TEAM_H_
