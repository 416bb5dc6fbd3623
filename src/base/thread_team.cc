#include "base/thread_team.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// This is some 100 µs of spinning on Zen 4, where a pause takes 25 ns: longer
// than the gap between two steps of a forward pass, far shorter than anyone
// would notice as load.
constexpr int kSpins = 4000;
// After this many spins the caller looks where its workers are, a few times.
constexpr int kSpinsToLook = 256;
constexpr int kLooks = 4;

constexpr int kNotYet = -1;  // a worker's processor before it starts

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Spins until `value` is no longer `old`, or `meanwhile(spins so far)` says
// that spinning is no use.
template <typename T, typename Meanwhile>
void spin(const std::atomic<T>& value, T old, const Meanwhile& meanwhile) {
  for (int i = 0; i < kSpins && meanwhile(i); ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
}

template <typename T>
void sleep(const std::atomic<T>& value, T old) {
  while (value.load(std::memory_order_acquire) == old) value.wait(old);
}

// Where this thread may run; none where the system does not tell.
cpu_set_t allowed_processors() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) CPU_ZERO(&set);
  return set;
}

cpu_set_t set_of(const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int i : processors) CPU_SET(static_cast<size_t>(i), &set);
  return set;
}

// Moves this thread to a processor other than `taken`, if it may run on one.
void leave(int taken) {
  const cpu_set_t allowed = allowed_processors();
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<size_t>(taken), &others);
  if (CPU_COUNT(&others) == 0) return;
  ::sched_setaffinity(0, sizeof(others), &others);  // goes there at once
  ::sched_setaffinity(0, sizeof(allowed), &allowed);
}

}  // namespace

int available_processors() {
  const cpu_set_t set = allowed_processors();
  if (CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  const unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : static_cast<int>(count);
}

// When a worker may leave the processor it shares: at once, and ever less often
// where it is soon brought back, for then the others have work too.
class ThreadTeam::Patience {
 public:
  bool allows_to_leave() {
    const Clock::time_point now = Clock::now();
    if (now - left_ < pause_) return false;
    pause_ = now - left_ < 4 * pause_ ? std::min(2 * pause_, kLongest) : kFirst;
    left_ = now;
    return true;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::duration kFirst = std::chrono::milliseconds(1);
  static constexpr Clock::duration kLongest = std::chrono::milliseconds(100);

  Clock::time_point left_{};
  Clock::duration pause_ = kFirst;
};

ThreadTeam::ThreadTeam(int size, const std::vector<ThreadNode>& nodes,
                       MemoryPlacer* memory)
    : size_(size),
      nodes_({}, 0),
      memory_(memory),
      places_(std::make_unique<std::atomic<int>[]>(static_cast<size_t>(size))) {
  workers_.reserve(static_cast<size_t>(size - 1));
  for (int rank = 1; rank < size; ++rank) {
    try {
      workers_.emplace_back([this, rank] { work(rank); });
    } catch (const std::exception&) {  // the system gives no more
      size_ = rank;
      missing_ = size - rank;
      break;
    }
  }
  nodes_ = ThreadNodes(nodes, size_);
  if (this->nodes() > 1) stay_on_nodes();
}

// A system that forbids it loses speed alone.
void ThreadTeam::stay_on_nodes() {
  for (int rank = 1; rank < size_; ++rank) {
    const cpu_set_t set = set_of(nodes_[node_of(rank)].processors);
    std::jthread& worker = workers_[static_cast<size_t>(rank - 1)];
    ::pthread_setaffinity_np(worker.native_handle(), sizeof(set), &set);
  }
}

void ThreadTeam::place(std::span<const std::byte> range, int node) const {
  if (nodes() == 1 || memory_ == nullptr || range.empty()) return;
  memory_->place(range, nodes_[node].memory);
}

ThreadTeam::CallerAtHome::CallerAtHome(const ThreadTeam& team) {
  if (team.nodes() == 1) return;
  before_ = allowed_processors();
  cpu_set_t home = set_of(team.nodes_[0].processors);
  CPU_AND(&home, &home, &before_);
  moved_ =
      CPU_COUNT(&home) > 0 && ::sched_setaffinity(0, sizeof(home), &home) == 0;
}

ThreadTeam::CallerAtHome::~CallerAtHome() {
  if (moved_) ::sched_setaffinity(0, sizeof(before_), &before_);
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
  place(0).store(::sched_getcpu(), std::memory_order_relaxed);
  for (int rank = 1; rank < size_; ++rank) {
    place(rank).store(kNotYet, std::memory_order_relaxed);
  }
  running_.store(size_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  function(0);
  for (int left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire)) {
    spin(running_, left, [this](int i) { return looks_for_workers(i); });
    sleep(running_, left);
  }
}

// A worker that has not started may be waiting for this very processor, and is
// let go first; so is one that has to share it. Returns false for the latter.
bool ThreadTeam::looks_for_workers(int spins) const {
  if (spins == 0 || spins % kSpinsToLook != 0 ||
      spins > kLooks * kSpinsToLook) {
    return true;
  }
  const int mine = place(0).load(std::memory_order_relaxed);
  bool all_started = true;
  for (int rank = 1; rank < size_; ++rank) {
    const int its = place(rank).load(std::memory_order_relaxed);
    if (its == mine) return false;
    all_started = all_started && its != kNotYet;
  }
  if (!all_started) ::sched_yield();
  return true;
}

// Notes where the worker is, and returns whether the caller is elsewhere. Linux
// may wake it on the processor of the caller, though another one is idle (in a
// virtual machine one that is halted counts as busy), and leave it there.
bool ThreadTeam::is_apart(int rank, Patience& patience) {
  const int caller = place(0).load(std::memory_order_relaxed);
  int here = ::sched_getcpu();
  if (here == caller && patience.allows_to_leave()) {
    leave(caller);
    here = ::sched_getcpu();
  }
  place(rank).store(here, std::memory_order_relaxed);
  return here != caller;
}

void ThreadTeam::work(int rank) {
  Patience patience;
  std::uint32_t seen = 0;
  bool alone = true;  // on its processor
  while (true) {
    spin(generation_, seen, [alone](int) { return alone; });
    sleep(generation_, seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    alone = is_apart(rank, patience);
    task_(rank);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      running_.notify_one();
    }
  }
}

int team_size(int count) {
  constexpr int kMost = 1024;
  if (count < 0 || count > kMost) {
    throw UsageError(fmt::format(
        "threads: {} is out of range; give 1 to {}, or 0 for one per processor",
        count, kMost));
  }
  return count == 0 ? available_processors() : count;
}

std::shared_ptr<ThreadTeam> make_threads(int count) {
  const int size = team_size(count);
  MemoryPlacer* const memory = system_placer();
  if (memory == nullptr) return std::make_shared<ThreadTeam>(size);
  return std::make_shared<ThreadTeam>(
      size, thread_nodes(read_topology(process_limits())), memory);
}

int thread_count(const ThreadTeam& threads) { return threads.size(); }

int missing_threads(const ThreadTeam& threads) { return threads.missing(); }

}  // namespace pilotfish
