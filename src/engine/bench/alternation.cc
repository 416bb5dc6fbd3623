#include "engine/bench/alternation.h"

#include "engine/plan/timing.h"

namespace pilotfish {

size_t Alternation::add(Work work) {
  works_.push_back(std::move(work));
  pairs_.emplace_back();
  return works_.size() - 1;
}

void Alternation::run(int repetitions, const std::function<void()>& done) {
  base_();
  for (const Work& work : works_) {
    work();
    done();
  }
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    for (size_t i = 0; i < works_.size(); ++i) {
      const double base = seconds_of(base_);
      pairs_[i].push_back({base, seconds_of(works_[i])});
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
