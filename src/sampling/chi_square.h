#ifndef PILOTFISH_SAMPLING_CHI_SQUARE_H_
#define PILOTFISH_SAMPLING_CHI_SQUARE_H_

#include <span>

namespace pilotfish {

// Q(a, x), the regularised upper incomplete gamma function. Requires: a > 0.
double gamma_q(double a, double x);

struct ChiSquare {
  double statistic = 0;
  double degrees = 0;

  // The probability of a statistic as large where the hypothesis is true.
  double p_value() const;
};

// Pearson's test of counts against probabilities that sum to 1. Bins that
// expect fewer than ten are thrown together, and where they are too few even
// so, with the smallest of the others; something observed where nothing can be
// is a statistic of infinity. Requires: equally many of both.
ChiSquare chi_square(std::span<const double> counts,
                     std::span<const double> probabilities);

// What a statistic exceeds with probability `level` where the hypothesis is
// true.
double chi_square_critical(double degrees, double level);

// The probability that a statistic exceeds the critical value of `level` where
// the hypothesis is wrong: the non-central chi-square distribution. After n
// trials from p' instead of p, noncentrality = n sum (p' - p)^2 / p.
double chi_square_power(double degrees, double noncentrality, double level);

// The total variation distance between p' and p (over the bins) from which on
// the test refuses p with probability `power` or more, whatever p' is: since
// sum (p' - p)^2 / p >= 4 TV^2, the noncentrality is 4 n TV^2 at least. More
// than 1: too few trials.
double detectable_distance(double degrees, double trials, double level,
                           double power);

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_CHI_SQUARE_H_
