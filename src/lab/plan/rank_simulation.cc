#include "pilotfish/lab/rank_simulation.h"

#include <algorithm>
#include <utility>

#include "pilotfish/random.h"

namespace pilotfish {

RankSimulation::RankSimulation(std::vector<RankStep> steps, Network network,
                               Jitter jitter)
    : steps_(std::move(steps)), network_(std::move(network)), jitter_(jitter) {}

SimulatedPass RankSimulation::pass(std::uint64_t index) const {
  const Random random(jitter_.seed);
  SimulatedPass pass;
  for (size_t s = 0; s < steps_.size(); ++s) {
    const RankStep& step = steps_[s];
    const std::uint64_t place = index * steps_.size() + s;
    double slowest = 0;
    double sum = 0;
    for (size_t rank = 0; rank < step.seconds.size(); ++rank) {
      double seconds = step.seconds[rank];
      if (jitter_.most > 0) {
        seconds *=
            1 + jitter_.most * random.uniform(place, RandomRole::kUser,
                                              static_cast<std::uint32_t>(rank));
      }
      slowest = std::max(slowest, seconds);
      sum += seconds;
    }
    const auto ranks = static_cast<double>(step.seconds.size());
    pass.compute_seconds += slowest;
    // Rounding must not make it negative.
    pass.waiting_seconds += std::max(0.0, slowest - sum / ranks);
    pass.gather_seconds += network_.gather_seconds(
        step.gathered_bytes, static_cast<int>(step.seconds.size()));
  }
  return pass;
}

SimulatedPass RankSimulation::average(std::uint64_t passes) const {
  if (jitter_.most == 0) passes = 1;
  SimulatedPass sum;
  for (std::uint64_t i = 0; i < passes; ++i) {
    const SimulatedPass one = pass(i);
    sum.compute_seconds += one.compute_seconds;
    sum.gather_seconds += one.gather_seconds;
    sum.waiting_seconds += one.waiting_seconds;
  }
  const auto count = static_cast<double>(passes);
  return {sum.compute_seconds / count, sum.gather_seconds / count,
          sum.waiting_seconds / count};
}

}  // namespace pilotfish
