#include "sampling/chi_square.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <vector>

namespace pilotfish {
namespace {

// The x in [low, high] at which an increasing function passes `goal`.
template <typename Function>
double solve(double low, double high, double goal, const Function& function) {
  for (int i = 0; i < 100; ++i) {
    const double middle = low + (high - low) / 2;
    (function(middle) < goal ? low : high) = middle;
  }
  return high;
}

// P(a non-central variable > x) = sum over j of Poisson(j; half) times
// Q(degrees / 2 + j, x / 2), from the largest weight outwards both ways.
double exceeds(double x, double degrees, double noncentrality) {
  const double half = noncentrality / 2;
  const double middle = std::floor(half);
  const auto weight = [half](double j) {
    return half > 0 ? std::exp(j * std::log(half) - half - std::lgamma(j + 1))
                    : (j > 0 ? 0.0 : 1.0);
  };
  constexpr double kNothing = 1e-17;
  double sum = 0;
  for (double j = middle; j >= 0; --j) {
    const double w = weight(j);
    if (w < kNothing) break;
    sum += w * gamma_q(degrees / 2 + j, x / 2);
  }
  for (double j = middle + 1;; ++j) {
    const double w = weight(j);
    if (w < kNothing) break;
    sum += w * gamma_q(degrees / 2 + j, x / 2);
  }
  return sum;
}

}  // namespace

// DLMF 8.11.4 and 8.9.2.
double gamma_q(double a, double x) {
  if (x <= 0) return 1;
  if (std::isinf(x)) return 0;
  const double front = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a;
    double sum = term;
    for (double n = a + 1; term > sum * 1e-16; ++n) sum += term *= x / n;
    return 1 - front * sum;
  }
  double b = x + 1 - a;  // Lentz's continued fraction
  double c = 1e300;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < 10000; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return front * h;
}

double ChiSquare::p_value() const {
  if (std::isinf(statistic)) return 0;
  return degrees > 0 ? gamma_q(degrees / 2, statistic / 2) : 1;
}

ChiSquare chi_square(std::span<const double> counts,
                     std::span<const double> probabilities) {
  assert(counts.size() == probabilities.size());
  struct Bin {
    double count = 0;
    double expected = 0;
  };
  constexpr double kLeastExpected = 10;
  double trials = 0;
  for (const double count : counts) trials += count;
  std::vector<Bin> bins;
  Bin rest;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * trials;
    if (expected >= kLeastExpected) {
      bins.push_back({counts[i], expected});
    } else if (expected > 0) {
      rest.count += counts[i];
      rest.expected += expected;
    } else if (counts[i] > 0) {
      return {HUGE_VAL, static_cast<double>(bins.size())};
    }
  }
  if (rest.expected >= kLeastExpected || bins.empty()) {
    bins.push_back(rest);
  } else if (rest.expected > 0) {
    Bin& least = *std::ranges::min_element(bins, {}, &Bin::expected);
    least.count += rest.count;
    least.expected += rest.expected;
  }
  ChiSquare result;
  for (const Bin& bin : bins) {
    if (bin.expected <= 0) continue;
    const double excess = bin.count - bin.expected;
    result.statistic += excess * excess / bin.expected;
  }
  result.degrees = static_cast<double>(bins.size()) - 1;
  return result;
}

double chi_square_critical(double degrees, double level) {
  return solve(0, 20 * degrees + 1000, -level,
               [&](double x) { return -gamma_q(degrees / 2, x / 2); });
}

double chi_square_power(double degrees, double noncentrality, double level) {
  return exceeds(chi_square_critical(degrees, level), degrees, noncentrality);
}

double detectable_distance(double degrees, double trials, double level,
                           double power) {
  const double critical = chi_square_critical(degrees, level);
  const double noncentrality =
      solve(0, 20 * degrees + 1000, power,
            [&](double x) { return exceeds(critical, degrees, x); });
  return std::sqrt(noncentrality / (4 * trials));
}

}  // namespace pilotfish
