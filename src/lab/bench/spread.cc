#include "pilotfish/lab/spread.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace pilotfish {

Spread spread_of(std::vector<double> values) {
  assert(!values.empty());
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double share) {
    const double at = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, values.size() - 1);
    return std::lerp(values[below], values[above],
                     at - static_cast<double>(below));
  };
  return {quantile(0.5), quantile(0.1), quantile(0.9)};
}

}  // namespace pilotfish
