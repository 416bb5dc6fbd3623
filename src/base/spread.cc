#include "pilotfish/spread.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <span>

namespace pilotfish {
namespace {

// The value at index `at` of the list in which each value stands as often as
// its weight says. Requires: values ascend, at < the sum of their weights.
double value_at(std::span<const WeightedValue> values, std::int64_t at) {
  size_t i = 0;
  while (at >= values[i].weight) at -= values[i++].weight;
  return values[i].value;
}

}  // namespace

double quantile(std::vector<WeightedValue> values, double share) {
  assert(share >= 0 && share <= 1);
  std::int64_t count = 0;
  for (const WeightedValue& value : values) count += value.weight;
  if (count == 0) return 0;
  std::ranges::sort(values, {}, &WeightedValue::value);
  const double place = share * static_cast<double>(count - 1);
  const auto below = static_cast<std::int64_t>(place);
  const std::int64_t above = std::min(below + 1, count - 1);
  return std::lerp(value_at(values, below), value_at(values, above),
                   place - static_cast<double>(below));
}

double quantile(std::vector<double> values, double share) {
  std::vector<WeightedValue> weighted;
  weighted.reserve(values.size());
  for (const double value : values) weighted.push_back({value, 1});
  return quantile(std::move(weighted), share);
}

Spread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  return {quantile(values, 0.5), quantile(values, 0.1), quantile(values, 0.9)};
}

}  // namespace pilotfish
