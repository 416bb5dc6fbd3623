#ifndef PILOTFISH_SPREAD_H_
#define PILOTFISH_SPREAD_H_

#include <vector>

namespace pilotfish {

// What several measurements of one thing say: the middle one, and those that a
// tenth of them lie at or below and at or above.
struct Spread {
  double median = 0;
  double p10 = 0;
  double p90 = 0;
};

// Between two measurements on a straight line. Requires: not empty.
Spread spread_of(std::vector<double> values);

}  // namespace pilotfish

#endif  // PILOTFISH_SPREAD_H_
