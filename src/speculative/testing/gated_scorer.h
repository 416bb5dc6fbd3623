#ifndef PILOTFISH_SPECULATIVE_TESTING_GATED_SCORER_H_
#define PILOTFISH_SPECULATIVE_TESTING_GATED_SCORER_H_

#include <condition_variable>
#include <mutex>

#include "speculative/forwarding_scorer.h"

namespace pilotfish::test {

// A target whose passes wait until they are let through.
class GatedScorer final : public ForwardingScorer {
 public:
  using ForwardingScorer::ForwardingScorer;

  ForwardOutput forward(const Batch& batch) override {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_ || arrived_ <= passes_; });
    return inner_->forward(batch);
  }
  void let_through(int passes) {
    const std::lock_guard lock(mutex_);
    passes_ += passes;
    changed_.notify_all();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // Until the n-th pass, counted from 1, has come to the gate.
  void wait_for(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  int passes_ = 0;
  bool open_ = false;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_GATED_SCORER_H_
