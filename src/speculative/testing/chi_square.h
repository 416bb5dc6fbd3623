#ifndef PILOTFISH_SPECULATIVE_TESTING_CHI_SQUARE_H_
#define PILOTFISH_SPECULATIVE_TESTING_CHI_SQUARE_H_

#include <cmath>
#include <cstddef>
#include <vector>

namespace pilotfish::test {

// Q(a, x), the regularised upper incomplete gamma function (DLMF 8.11.4 and
// 8.9.2).
inline double gamma_q(double a, double x) {
  if (x <= 0) return 1;
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

struct ChiSquare {
  double statistic = 0;
  double degrees = 0;

  // The probability of a statistic as large where the hypothesis is true.
  double p_value() const {
    return degrees > 0 ? gamma_q(degrees / 2, statistic / 2) : 1;
  }
};

// Pearson's test of counts against probabilities. Bins that expect fewer than
// ten are thrown together; something observed where nothing can be is a
// statistic of infinity.
inline ChiSquare chi_square(const std::vector<double>& counts,
                            const std::vector<double>& probabilities) {
  double trials = 0;
  for (const double count : counts) trials += count;
  ChiSquare result;
  double rest_count = 0;
  double rest_expected = 0;
  const auto add = [&](double count, double expected) {
    result.statistic += (count - expected) * (count - expected) / expected;
    result.degrees += 1;
  };
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * trials;
    if (expected >= 10) {
      add(counts[i], expected);
    } else if (expected > 0) {
      rest_count += counts[i];
      rest_expected += expected;
    } else if (counts[i] > 0) {
      result.statistic = HUGE_VAL;
    }
  }
  if (rest_expected > 0) add(rest_count, rest_expected);
  result.degrees -= 1;
  return result;
}

// The power of the test at level `alpha`: how probably it refuses when the true
// distribution is off by the effect size w, w^2 = sum (p' - p)^2 / p. Both
// chi-square variables by their normal approximations, good for ten degrees and
// more.
inline double chi_square_power(double degrees, double trials, double w,
                               double alpha) {
  double low = 0;  // the critical value, by bisection
  double high = 20 * degrees + 1000;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (gamma_q(degrees / 2, middle / 2) > alpha ? low : high) = middle;
  }
  const double shift = trials * w * w;
  const double z =
      (high - degrees - shift) / std::sqrt(2 * (degrees + 2 * shift));
  return 0.5 * std::erfc(z / std::sqrt(2.0));
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_CHI_SQUARE_H_
