#include "backends/cpu/gather_queue.h"

#include <chrono>
#include <system_error>

namespace pilotfish {
namespace {

// Tells an exchange for how long the caller waits while this lives.
class CountedWait {
 public:
  explicit CountedWait(Exchange& exchange) : exchange_(exchange) {}
  ~CountedWait() {
    const std::chrono::duration<double> waited = Clock::now() - start_;
    exchange_.count_wait(waited.count());
  }
  CountedWait(const CountedWait&) = delete;
  CountedWait& operator=(const CountedWait&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  Exchange& exchange_;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

GatherQueue::~GatherQueue() {
  if (!worker_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  started_.notify_one();
  worker_.join();
}

void GatherQueue::carry_out(const Gather& gather) {
  if (gather.to_all) {
    exchange_->all_gather(gather.data, gather.begins);
  } else {
    exchange_->gather(gather.data, gather.begins);
  }
}

void GatherQueue::start(Gather& gather) {
  if (!is_beside_) {
    const CountedWait wait(*exchange_);
    carry_out(gather);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    gather.is_done = false;
    waiting_.push_back(&gather);
  }
  started_.notify_one();
}

void GatherQueue::finish(const Gather& gather) {
  if (!is_beside_) return;
  const CountedWait wait(*exchange_);
  std::unique_lock lock(mutex_);
  caller_computes_ = false;
  done_.wait(lock, [&] { return gather.is_done || failure_; });
  caller_computes_ = true;
  if (failure_) std::rethrow_exception(failure_);
}

void GatherQueue::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    started_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Gather& gather = *waiting_.front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      carry_out(gather);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    waiting_.pop_front();
    gather.is_done = true;
    if (failure) {
      failure_ = failure;
      waiting_.clear();  // nobody meets this rank any more
    }
    done_.notify_one();
  }
}

GatherQueue::Beside::Beside(GatherQueue& queue, bool is_crowded)
    : queue_(queue) {
  if (!queue.worker_.joinable()) {
    try {
      queue.worker_ = std::thread([&queue] { queue.work(); });
    } catch (const std::system_error&) {
      return;
    }
  }
  queue.is_beside_ = true;
  queue.caller_computes_ = true;
  queue.exchange_->sleep_while(is_crowded ? &queue.caller_computes_ : nullptr);
}

GatherQueue::Beside::~Beside() {
  queue_.exchange_->sleep_while(nullptr);
  queue_.is_beside_ = false;
}

}  // namespace pilotfish
