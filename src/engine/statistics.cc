#include "engine/statistics.h"

#include <algorithm>
#include <utility>

namespace pilotfish {
namespace {

struct Weighted {
  double seconds;       // a token
  std::int64_t tokens;  // that took so long
};

// The smallest time that at least `share` of the tokens kept within. `times`
// ascend.
double quantile(std::span<const Weighted> times, double share) {
  std::int64_t tokens = 0;
  for (const Weighted& time : times) tokens += time.tokens;
  const double goal = share * static_cast<double>(tokens);
  std::int64_t within = 0;
  for (const Weighted& time : times) {
    within += time.tokens;
    if (static_cast<double>(within) >= goal) return time.seconds;
  }
  return 0;
}

// A stop string ends a text inside a window: the tokens behind it do not count.
void cut(std::vector<IterationStats>& iterations, std::int64_t generated) {
  for (IterationStats& iteration : iterations) {
    iteration.emitted = std::min(iteration.emitted, generated);
    generated -= iteration.emitted;
  }
}

void count_acceptance(GenerationStats& stats) {
  std::vector<std::int64_t> drafted;   // [place in the window]
  std::vector<std::int64_t> accepted;  // [place in the window]
  std::int64_t all_drafted = 0;
  std::int64_t all_accepted = 0;
  for (const IterationStats& iteration : stats.iterations) {
    const auto places = static_cast<size_t>(iteration.places());
    if (places > drafted.size()) {
      drafted.resize(places);
      accepted.resize(places);
    }
    for (size_t i = 0; i < places; ++i) {
      ++drafted[i];
      if (static_cast<std::int64_t>(i) < iteration.accepted) ++accepted[i];
    }
    all_drafted += iteration.drafted;
    all_accepted += iteration.accepted;
  }
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0
                      : static_cast<double>(part) / static_cast<double>(whole);
  };
  stats.acceptance_rate = share(all_accepted, all_drafted);
  for (size_t i = 0; i < drafted.size(); ++i) {
    stats.acceptance_per_position.push_back(share(accepted[i], drafted[i]));
  }
  stats.mean_acceptance_length =
      share(stats.generated_tokens,
            static_cast<std::int64_t>(stats.iterations.size()));
}

void time_tokens(GenerationStats& stats) {
  std::vector<Weighted> times;
  for (size_t i = 1; i < stats.iterations.size(); ++i) {
    const IterationStats& iteration = stats.iterations[i];
    if (iteration.emitted == 0) continue;
    times.push_back(
        {iteration.total_seconds / static_cast<double>(iteration.emitted),
         iteration.emitted});
  }
  std::sort(times.begin(), times.end(),
            [](const Weighted& a, const Weighted& b) {
              return a.seconds < b.seconds;
            });
  stats.tpot_median_seconds = quantile(times, 0.5);
  stats.tpot_p99_seconds = quantile(times, 0.99);
}

}  // namespace

GenerationStats summarise(std::span<const IterationStats> iterations,
                          std::int64_t prompt, std::int64_t generated,
                          double ttft_seconds, double decode_seconds) {
  GenerationStats stats;
  stats.prompt_tokens = prompt;
  stats.generated_tokens = generated;
  stats.ttft_seconds = ttft_seconds;
  stats.decode_seconds = decode_seconds;
  stats.iterations.assign(iterations.begin(), iterations.end());
  cut(stats.iterations, generated);
  count_acceptance(stats);
  time_tokens(stats);
  if (!stats.iterations.empty() && decode_seconds > 0) {
    stats.tokens_per_second =
        static_cast<double>(generated - stats.iterations.front().emitted) /
        decode_seconds;
  }
  return stats;
}

}  // namespace pilotfish
