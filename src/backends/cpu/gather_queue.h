#ifndef PILOTFISH_BACKENDS_CPU_GATHER_QUEUE_H_
#define PILOTFISH_BACKENDS_CPU_GATHER_QUEUE_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "backends/cpu/exchange.h"

namespace pilotfish {

// A gather from its start to its end. See Exchange.
struct Gather {
  std::byte* data = nullptr;
  std::vector<std::int64_t> begins;
  bool to_all = true;  // or to rank 0 alone
  bool is_done = true;
};

// The gathers of one rank, in the order in which they are started, which must
// be the same on all ranks. They are carried out when they are started, or
// beside what the caller does then, by a thread that waits in the exchange
// instead of the caller: the exchange makes no progress unless somebody does.
// One caller at a time.
class GatherQueue {
 public:
  // Null: there is one rank, and nothing may be started.
  explicit GatherQueue(Exchange* exchange) : exchange_(exchange) {}
  ~GatherQueue();
  GatherQueue(const GatherQueue&) = delete;
  GatherQueue& operator=(const GatherQueue&) = delete;

  bool is_alone() const { return exchange_ == nullptr; }

  // `gather` must stay as it is until it is finished. Throws as Exchange does.
  void start(Gather& gather);
  // Waits for it. Throws what its exchange, or an earlier one, has thrown.
  void finish(const Gather& gather);

  // While one of these lives, gathers are carried out beside the caller.
  class Beside;

 private:
  void carry_out(const Gather& gather);
  void work();

  Exchange* const exchange_;
  bool is_beside_ = false;
  std::mutex mutex_;  // guards what follows
  std::condition_variable started_;
  std::condition_variable done_;
  std::deque<Gather*> waiting_;
  std::exception_ptr failure_;
  bool stopping_ = false;
  std::atomic<bool> caller_computes_{false};
  std::thread worker_;  // from the first Beside on; asleep without gathers
};

class GatherQueue::Beside {
 public:
  // `is_crowded`: no processor is free for the thread, which then sleeps
  // between looks while the caller computes. Where no thread can be started,
  // gathers are carried out when they are started, as ever.
  Beside(GatherQueue& queue, bool is_crowded);
  // Requires: all gathers are finished, or one has thrown.
  ~Beside();
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

 private:
  GatherQueue& queue_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_GATHER_QUEUE_H_
