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

bool gives(const RopeConfig& config, std::span<const double> plain,
           const RopeScaling& scaling, std::span<const float> divisors) {
  RopeConfig scaled = config;
  scaled.scaling = scaling;
  const Rope rope(scaled);
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double divisor = plain[i] / rope.frequencies()[i];
    if (std::abs(divisor - divisors[i]) > kTolerance * divisor) return false;
  }
  return true;
}

// On the ramp between kept and stretched waves, what is kept is linear in the
// frequency: (positions * frequency / 2 pi - low) / (high - low). Two points of
// it give both ratios; the low factor is 1 by convention, as only they matter.
std::optional<RopeScaling> fit(std::span<const double> plain,
                               std::span<const float> divisors, double factor) {
  std::vector<std::pair<double, double>> ramp;  // frequency / 2 pi, kept
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double kept =
        (1 / double{divisors[i]} - 1 / factor) / (1 - 1 / factor);
    if (kept > kTolerance && kept < 1 - kTolerance) {
      ramp.emplace_back(plain[i] / (2 * std::numbers::pi), kept);
    }
  }
  if (ramp.size() < 2) return std::nullopt;
  const auto& [x0, y0] = ramp.front();
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

}  // namespace

std::optional<RopeScaling> rope_scaling_from_divisors(
    const RopeConfig& config, std::span<const float> divisors) {
  if (std::any_of(divisors.begin(), divisors.end(), [](float divisor) {
        return !std::isfinite(divisor) || divisor < 1;
      })) {
    return std::nullopt;
  }
  const double factor = *std::max_element(divisors.begin(), divisors.end());
  if (factor == 1) return RopeScaling{};
  const Rope plain(config);
  // Every Llama 3 so far has this factor; a small model's few frequencies may
  // all lie beside the ramp.
  const RopeScaling usual = llama3_scaling(factor, 4, 8192);
  if (gives(config, plain.frequencies(), usual, divisors)) return usual;
  const auto fitted = fit(plain.frequencies(), divisors, factor);
  if (fitted && gives(config, plain.frequencies(), *fitted, divisors)) {
    return fitted;
  }
  return std::nullopt;
}

}  // namespace pilotfish
