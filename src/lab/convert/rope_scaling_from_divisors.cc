#include "lab/convert/rope_scaling_from_divisors.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "model/rope.h"

namespace pilotfish {
namespace {

// This is as exact as a float divisor can be, with room for how its writer
// computed it.
constexpr double kTolerance = 1e-5;

RopeScaling llama3_scaling(double factor, double high, std::int64_t positions) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::kLlama3;
  scaling.factor = factor;
  scaling.original_positions = positions;
  scaling.low_frequency_factor = 1;
  scaling.high_frequency_factor = high;
  return scaling;
}

// Every Llama 3 so far has this factor.
constexpr double kUsualHigh = 4;

// How much of a wave is kept, for the waves on the ramp between those that are
// kept whole and those that are stretched by `factor`.
struct RampPoint {
  double frequency;  // in turns a position
  double kept;
};

std::vector<RampPoint> ramp_of(std::span<const double> plain,
                               std::span<const float> divisors, double factor) {
  std::vector<RampPoint> ramp;
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double kept =
        (1 / double{divisors[i]} - 1 / factor) / (1 - 1 / factor);
    if (kept > kTolerance && kept < 1 - kTolerance) {
      ramp.push_back({plain[i] / (2 * std::numbers::pi), kept});
    }
  }
  return ramp;
}

// On the ramp, what is kept is linear in the frequency: (positions * frequency
// - low) / (high - low). Two points of it give both ratios, one point the
// positions where the high factor is the usual one; the low factor is 1 by
// convention, as only the ratios matter.
std::optional<RopeScaling> fit(const std::vector<RampPoint>& ramp,
                               double factor) {
  if (ramp.empty()) return std::nullopt;
  const auto& [x0, y0] = ramp.front();
  if (ramp.size() == 1) {
    const double positions = (y0 * (kUsualHigh - 1) + 1) / x0;
    return llama3_scaling(factor, kUsualHigh, std::llround(positions));
  }
  const auto& [x1, y1] = ramp.back();
  const double slope = (y1 - y0) / (x1 - x0);
  const double offset = slope * x0 - y0;
  const double positions = slope / offset;
  if (!(offset > 0) || !(positions >= 1 && positions < 1 << 30)) {
    return std::nullopt;
  }
  constexpr double kDecimals = 1e3;  // factors in use are whole numbers
  const double high = std::round((1 + 1 / offset) * kDecimals) / kDecimals;
  return llama3_scaling(factor, high, std::llround(positions));
}

// The numbers of positions that models are made for, the usual one first.
std::vector<std::int64_t> usual_positions() {
  std::vector<std::int64_t> all = {8192};
  for (std::int64_t distance = 1; distance <= 13; ++distance) {
    all.push_back(std::int64_t{8192} >> distance);
    all.push_back(std::int64_t{8192} << distance);
  }
  return all;
}

// Finds a scaling that gives the divisors, also where its parameters cannot be
// computed from them: the few frequencies of a small model may all lie outside
// the ramp, or none of its waves may be long enough to be stretched by the
// whole factor.
class ScalingSearch {
 public:
  ScalingSearch(const RopeConfig& config, std::span<const float> divisors)
      : config_(config), plain_(config), divisors_(divisors) {}

  std::optional<RopeScaling> find() const {
    const double largest =
        *std::max_element(divisors_.begin(), divisors_.end());
    if (const auto usual = with_factor(largest)) return usual;
    const auto fitted =
        fit(ramp_of(plain_.frequencies(), divisors_, largest), largest);
    if (fitted && gives(*fitted)) return fitted;
    constexpr int kMostFactor = 64;
    for (int factor = 2; factor <= kMostFactor; ++factor) {
      if (factor <= largest) continue;
      if (const auto found = with_factor(factor)) return found;
    }
    return std::nullopt;
  }

 private:
  bool gives(const RopeScaling& scaling) const {
    RopeConfig scaled = config_;
    scaled.scaling = scaling;
    const Rope rope(scaled);
    for (size_t i = 0; i < divisors_.size(); ++i) {
      const double divisor = plain_.frequencies()[i] / rope.frequencies()[i];
      if (std::abs(divisor - divisors_[i]) > kTolerance * divisor) return false;
    }
    return true;
  }

  std::optional<RopeScaling> with_factor(double factor) const {
    for (const std::int64_t positions : usual_positions()) {
      const RopeScaling usual = llama3_scaling(factor, kUsualHigh, positions);
      if (gives(usual)) return usual;
    }
    return std::nullopt;
  }

  const RopeConfig& config_;
  const Rope plain_;
  std::span<const float> divisors_;
};

}  // namespace

std::optional<RopeScaling> rope_scaling_from_divisors(
    const RopeConfig& config, std::span<const float> divisors) {
  if (std::any_of(divisors.begin(), divisors.end(), [](float divisor) {
        return !std::isfinite(divisor) || divisor < 1;
      })) {
    return std::nullopt;
  }
  if (*std::max_element(divisors.begin(), divisors.end()) == 1) {
    return RopeScaling{};
  }
  return ScalingSearch(config, divisors).find();
}

}  // namespace pilotfish
