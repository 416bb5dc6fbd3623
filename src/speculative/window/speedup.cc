#include "pilotfish/speedup.h"

#include <algorithm>
#include <cassert>

namespace pilotfish {

// As a sum, which has no pole at 1: 1 + a + ... + a^(k-1).
double expected_tokens(double acceptance, std::int64_t window) {
  assert(acceptance >= 0 && acceptance <= 1 && window >= 1);
  double tokens = 1;
  for (std::int64_t i = 1; i < window; ++i) tokens = 1 + acceptance * tokens;
  return tokens;
}

double expected_speedup(const SpeculationCosts& costs, double acceptance,
                        std::int64_t window) {
  return expected_tokens(acceptance, window) / costs.iteration(window);
}

// The tokens grow with the acceptance from 1 to k: bisection.
std::optional<double> break_even_acceptance(const SpeculationCosts& costs,
                                            std::int64_t window) {
  const double cost = costs.iteration(window);
  if (cost <= 1) return 0;
  if (cost > static_cast<double>(window)) return std::nullopt;
  double low = 0;
  double high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (expected_tokens(middle, window) < cost ? low : high) = middle;
  }
  return high;
}

std::int64_t best_window(const SpeculationCosts& costs, double acceptance) {
  // What two orders of summation could make of equal speed-ups.
  constexpr double kEqual = 1 + 1e-12;
  std::int64_t best = 1;
  for (std::int64_t k = 2; k <= costs.max_window(); ++k) {
    if (expected_speedup(costs, acceptance, k) >
        kEqual * expected_speedup(costs, acceptance, best)) {
      best = k;
    }
  }
  return best;
}

std::vector<double> verify_costs(const std::map<std::int64_t, double>& known,
                                 std::int64_t max_window) {
  assert(known.empty() || known.begin()->first >= 2);
  std::int64_t left = 1;
  double left_cost = 1;
  double slope = 0;
  std::vector<double> costs = {1};
  auto next = known.begin();
  for (std::int64_t k = 2; k <= max_window; ++k) {
    if (next != known.end() && k == left + 1) {
      slope =
          (next->second - left_cost) / static_cast<double>(next->first - left);
    } else if (next == known.end()) {
      slope = std::max(slope, 0.0);
    }
    costs.push_back(left_cost + slope * static_cast<double>(k - left));
    if (next != known.end() && k == next->first) {
      left = k;
      left_cost = next->second;
      ++next;
    }
  }
  return costs;
}

}  // namespace pilotfish
