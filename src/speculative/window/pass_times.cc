#include "speculative/window/pass_times.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <iterator>

namespace pilotfish {
namespace {

constexpr double kFall = 0.5;       // of an error downwards
constexpr double kRise = 0.2;       // of one upwards,
constexpr double kMostRise = 0.15;  // which counts no further than this
// A shape is settled after so many times; what differs then is mostly the
// level.
constexpr std::int64_t kSettled = 4;
// The first time of a count of rows is believed so far beyond what the others
// promise; a second one, or as long a time of more rows, tells whether it was
// right.
constexpr double kMostOfFirst = 0.1;
constexpr double kLevelShare = 0.8;
// How a time grows with the rows while there is nothing to tell it from.
constexpr double kGrowthUnknown = 0.05;
// What a row more usually adds to a pass over one, and how far, as a logarithm,
// machines are from that.
constexpr double kUsualGrowth = 0.1;
constexpr double kUsualSpread = 0.2;

double log_usual(std::int64_t rows) {
  return std::log1p(kUsualGrowth * static_cast<double>(rows - 1));
}

}  // namespace

void PassTimes::LatestMedian::add(double value) {
  latest_[added_++ % latest_.size()] = value;
  std::array<double, 9> sorted = latest_;
  const auto size =
      static_cast<std::ptrdiff_t>(std::min(added_, latest_.size()));
  const auto middle = sorted.begin() + (size - 1) / 2;
  std::nth_element(sorted.begin(), middle, sorted.begin() + size);
  median_ = *middle;
}

void PassTimes::add(std::int64_t rows, double seconds) {
  assert(rows >= 1 && seconds > 0);
  const double time = std::log(seconds);
  log_plain_.add(time - log_usual(rows));
  if (shapes_.empty()) log_level_ = time;
  for (auto& [fewer, shape] : shapes_) {
    if (fewer >= rows) break;
    if (shape.times == 1 && shape.first <= time - log_level_) {
      shape.log = shape.first;
    }
  }
  const auto found = shapes_.find(rows);
  if (found == shapes_.end()) {
    const double expected = empty() ? time : std::log(estimate(rows));
    shapes_[rows] = {
        .log = std::min(time, expected + kMostOfFirst) - log_level_,
        .first = time - log_level_};
    return;
  }
  Shape& shape = found->second;
  const double before = shape.times == 1 ? shape.first : shape.log;
  scatter_.add(std::abs(time - log_level_ - before));
  if (++shape.times == 2) {
    shape.log = std::min(shape.first, time - log_level_);
    return;
  }
  const double error = time - log_level_ - shape.log;
  const double step =
      error < 0 ? kFall * error : kRise * std::min(error, kMostRise);
  const double of_level = shape.times > kSettled ? kLevelShare : 0;
  log_level_ += of_level * step;
  shape.log += (1 - of_level) * step;
}

std::int64_t PassTimes::times(std::int64_t rows, std::int64_t away) const {
  std::int64_t times = 0;
  for (auto known = shapes_.lower_bound(rows - away);
       known != shapes_.end() && known->first <= rows + away; ++known) {
    times += known->second.times;
  }
  return times;
}

// The mean of the usual time and the one seen, by the variances that they would
// have for what is to be estimated.
double PassTimes::trust(std::int64_t rows) const {
  const double doubt = scatter_.value() / kUsualSpread;
  const auto seen = static_cast<double>(std::max<std::int64_t>(times(rows), 1));
  return seen / (seen + doubt * doubt);
}

double PassTimes::seconds(Known::const_iterator known) const {
  const auto& [rows, shape] = *known;
  return std::exp(std::lerp(log_plain_.value() + log_usual(rows),
                            log_level_ + shape.log, trust(rows)));
}

double PassTimes::estimate(std::int64_t rows) const {
  assert(!empty() && rows >= 1);
  const auto after = shapes_.lower_bound(rows);
  if (after == shapes_.begin()) return seconds(after);
  const auto left = std::prev(after);
  const auto distance = static_cast<double>(rows - left->first);
  if (after != shapes_.end()) {
    const auto span = static_cast<double>(after->first - left->first);
    return seconds(left) + (seconds(after) - seconds(left)) * distance / span;
  }
  if (left == shapes_.begin()) {
    return seconds(left) * (1 + kGrowthUnknown * distance);
  }
  const auto slope_from = [&](Known::const_iterator known) {
    return (seconds(left) - seconds(known)) /
           static_cast<double>(left->first - known->first);
  };
  const double slope =
      std::min(slope_from(std::prev(left)), slope_from(shapes_.begin()));
  return seconds(left) + std::max(slope, 0.0) * distance;
}

}  // namespace pilotfish
