#include "base/thread_team.h"

#include <fmt/format.h>
#include <sched.h>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// About 20 µs of spinning: longer than the gap between two steps of a forward
// pass, far shorter than anyone would notice as load.
constexpr int kSpins = 4000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits until `value` is no longer `old`.
template <typename T>
void wait_for_change(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old);
}

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  const unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : static_cast<int>(count);
}

}  // namespace

ThreadTeam::ThreadTeam(int size) : size_(size) {
  workers_.reserve(static_cast<size_t>(size - 1));
  for (int rank = 1; rank < size; ++rank) {
    workers_.emplace_back([this, rank] { work(rank); });
  }
}

ThreadTeam::~ThreadTeam() {
  stopping_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
}

void ThreadTeam::run(FunctionRef<void(int rank)> function) {
  if (size_ == 1) {
    function(0);
    return;
  }
  task_ = function;
  running_.store(size_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  function(0);
  for (int left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire)) {
    wait_for_change(running_, left);
  }
}

void ThreadTeam::work(int rank) {
  std::uint32_t seen = 0;
  while (true) {
    wait_for_change(generation_, seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    task_(rank);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      running_.notify_one();
    }
  }
}

std::shared_ptr<ThreadTeam> make_threads(int count) {
  constexpr int kMost = 1024;
  if (count < 0 || count > kMost) {
    throw UsageError(fmt::format(
        "threads: {} is out of range; give 1 to {}, or 0 for one a processor",
        count, kMost));
  }
  return std::make_shared<ThreadTeam>(count == 0 ? available_processors()
                                                 : count);
}

int thread_count(const ThreadTeam& threads) { return threads.size(); }

}  // namespace pilotfish
