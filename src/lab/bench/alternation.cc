#include "lab/bench/alternation.h"

#include "lab/plan/timing.h"

namespace pilotfish {

size_t Alternation::add(Work work, Work after) {
  turns_.push_back({std::move(work), std::move(after)});
  pairs_.emplace_back();
  return turns_.size() - 1;
}

void Alternation::run(int repetitions, const std::function<void()>& done) {
  base_();
  for (const Turn& turn : turns_) {
    turn.work();
    if (turn.after) turn.after();
    done();
  }
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    for (size_t i = 0; i < turns_.size(); ++i) {
      const double base = seconds_of(base_);
      pairs_[i].push_back({base, seconds_of(turns_[i].work)});
      if (turns_[i].after) turns_[i].after();
      done();
    }
  }
}

Spread Alternation::base_seconds() const {
  std::vector<double> seconds;
  for (const auto& pairs : pairs_) {
    for (const Pair& pair : pairs) seconds.push_back(pair.base);
  }
  return spread_of(std::move(seconds));
}

Spread Alternation::seconds(size_t work) const {
  return of_pairs(work, [](double, double seconds) { return seconds; });
}

Spread Alternation::of_pairs(
    size_t work, const std::function<double(double, double)>& value) const {
  std::vector<double> values;
  for (const Pair& pair : pairs_[work]) {
    values.push_back(value(pair.base, pair.work));
  }
  return spread_of(std::move(values));
}

}  // namespace pilotfish
