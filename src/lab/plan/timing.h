#ifndef PILOTFISH_LAB_PLAN_TIMING_H_
#define PILOTFISH_LAB_PLAN_TIMING_H_

#include <chrono>

namespace pilotfish {

template <typename Work>
double seconds_of(const Work& work) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_PLAN_TIMING_H_
