#ifndef PILOTFISH_SPEEDUP_H_
#define PILOTFISH_SPEEDUP_H_

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace pilotfish {

// The costs of speculation, in target passes over one row (Leviathan et al.
// 2023, arXiv 2211.17192, extended by what verification costs). An iteration
// with window k takes v(k) + c (k - 1) of them.
struct SpeculationCosts {
  double draft = 0;            // c: a draft pass
  std::vector<double> verify;  // [k - 1]: v(k), a target pass over k rows

  std::int64_t max_window() const {
    return static_cast<std::int64_t>(verify.size());
  }
  double iteration(std::int64_t window) const {
    return verify[static_cast<size_t>(window - 1)] +
           draft * static_cast<double>(window - 1);
  }
  // Of an iteration, the part in which the draft computes.
  double drafting_share(std::int64_t window) const {
    return draft * static_cast<double>(window - 1) / iteration(window);
  }
};

// Tokens an iteration emits where each drafted token is accepted with
// probability `acceptance`, independently: (1 - a^k) / (1 - a).
// Requires: 0 <= acceptance <= 1, window >= 1.
double expected_tokens(double acceptance, std::int64_t window);

// How much faster than plain decoding. Requires: window <= max_window().
double expected_speedup(const SpeculationCosts& costs, double acceptance,
                        std::int64_t window);

// The acceptance at which a window is as fast as plain decoding: above, it
// pays. nullopt: it never does.
std::optional<double> break_even_acceptance(const SpeculationCosts& costs,
                                            std::int64_t window);

// The window with the largest expected speed-up, the smallest of them if
// several have it; 1 where speculation does not pay.
std::int64_t best_window(const SpeculationCosts& costs, double acceptance);

// v(1) to v(max_window) from v at some windows: on straight lines between
// them, from v(1) = 1, and beyond the last one along the last line, which is
// kept from falling. Requires: windows from 2, values above 0.
std::vector<double> verify_costs(const std::map<std::int64_t, double>& known,
                                 std::int64_t max_window);

}  // namespace pilotfish

#endif  // PILOTFISH_SPEEDUP_H_
