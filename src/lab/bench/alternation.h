#ifndef PILOTFISH_LAB_BENCH_ALTERNATION_H_
#define PILOTFISH_LAB_BENCH_ALTERNATION_H_

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "pilotfish/spread.h"

namespace pilotfish {

// Times several works, each right after a common base: base, work 0, base, work
// 1, ..., repetition after repetition. A machine whose memory changes its speed
// every few seconds is in one state for a pair.
class Alternation {
 public:
  using Work = std::function<void()>;

  explicit Alternation(Work base) : base_(std::move(base)) {}

  // `after` follows the work untimed, where that leaves a state which would
  // slow the next base (caches full of something else). Returns the work's
  // index in what follows.
  size_t add(Work work, Work after = {});
  size_t size() const { return turns_.size(); }

  // All once to warm up, then `repetitions` times; `done` is called after each
  // pair.
  void run(int repetitions, const std::function<void()>& done);

  Spread base_seconds() const;
  Spread seconds(size_t work) const;
  // value(base's seconds, work's seconds) of each pair.
  Spread of_pairs(size_t work,
                  const std::function<double(double, double)>& value) const;

 private:
  struct Pair {
    double base;
    double work;
  };

  struct Turn {
    Work work;
    Work after;
  };

  Work base_;
  std::vector<Turn> turns_;
  std::vector<std::vector<Pair>> pairs_;  // [turns][repetitions]
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_BENCH_ALTERNATION_H_
