#ifndef PILOTFISH_SPREAD_H_
#define PILOTFISH_SPREAD_H_

#include <cstdint>
#include <utility>
#include <vector>

// Summaries of repeated measurements. There is one definition of a
// quantile, and every figure that pilotfish prints uses it: sorted measurements
// lie at equal distances from share 0, the least, to share 1, the largest, and
// a share between two of them gives a value on the straight line between them.
// Without measurements every quantile is 0.
namespace pilotfish {

// Requires: 0 <= share <= 1.
double quantile(std::vector<double> values, double share);

// A value that was measured so many times.
struct WeightedValue {
  double value = 0;
  std::int64_t weight = 1;  // 0 or more
};
// As if each value stood in the list as often as its weight says.
double quantile(std::vector<WeightedValue> values, double share);

inline double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}

struct Spread {
  double median = 0;
  double p10 = 0;
  double p90 = 0;
};
Spread spread_of(std::vector<double> values);

}  // namespace pilotfish

#endif  // PILOTFISH_SPREAD_H_
