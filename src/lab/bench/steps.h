#ifndef PILOTFISH_LAB_BENCH_STEPS_H_
#define PILOTFISH_LAB_BENCH_STEPS_H_

#include <functional>
#include <utility>

namespace pilotfish {

// How much of a bench is done, each measurement weighing as told.
class Steps {
 public:
  Steps(double total, std::function<void(double)> progress)
      : total_(total), progress_(std::move(progress)) {}

  void done(double weight) {
    done_ += weight;
    if (progress_) progress_(done_ / total_);
  }

 private:
  const double total_;
  double done_ = 0;
  const std::function<void(double)> progress_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_BENCH_STEPS_H_
