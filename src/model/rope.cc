#include "model/rope.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

namespace pilotfish {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

std::vector<double> plain_frequencies(double theta, std::int64_t rotary_dim) {
  std::vector<double> frequencies(static_cast<size_t>(rotary_dim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = std::pow(
        theta, -2 * static_cast<double>(i) / static_cast<double>(rotary_dim));
  }
  return frequencies;
}

// The base for which the longest wave, stretched by `factor`, spans
// `n_positions`.
double dynamic_theta(const RopeConfig& config, std::int64_t n_positions) {
  const RopeScaling& scaling = config.scaling;
  const auto original = static_cast<double>(scaling.original_positions);
  const double length = std::max(static_cast<double>(n_positions), original);
  const auto dim = static_cast<double>(config.rotary_dim);
  const double stretch =
      scaling.factor * length / original - (scaling.factor - 1);
  return config.theta * std::pow(stretch, dim / (dim - 2));
}

// Long waves are stretched, short ones kept, with a linear ramp between.
void scale_llama3(const RopeScaling& scaling,
                  std::vector<double>& frequencies) {
  const auto original = static_cast<double>(scaling.original_positions);
  const double low = scaling.low_frequency_factor;
  const double high = scaling.high_frequency_factor;
  for (double& frequency : frequencies) {
    const double turns = original * frequency / kTwoPi;  // within the context
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency *= kept + (1 - kept) / scaling.factor;
  }
}

// arXiv 2309.00071, section 3.2: as llama3 does, but with a ramp over the
// indices of frequencies.
void scale_yarn(const RopeConfig& config, std::vector<double>& frequencies) {
  const RopeScaling& scaling = config.scaling;
  const auto dim = static_cast<double>(config.rotary_dim);
  // The index whose wave turns so many times within the context.
  const auto index_of = [&](double turns) {
    const auto original = static_cast<double>(scaling.original_positions);
    return dim * std::log(original / (turns * kTwoPi)) /
           (2 * std::log(config.theta));
  };
  double low = index_of(scaling.beta_fast);
  double high = index_of(scaling.beta_slow);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double stretched =
        std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] *= (1 - stretched) + stretched / scaling.factor;
  }
}

// Each different rotation of a model, in the order of its first layer.
std::vector<RopeConfig> different_ropes(const ModelConfig& config) {
  std::vector<RopeConfig> ropes;
  for (const LayerConfig& layer : config.layers) {
    const RopeConfig& rope = layer.attention.rope;
    if (std::find(ropes.begin(), ropes.end(), rope) == ropes.end()) {
      ropes.push_back(rope);
    }
  }
  return ropes;
}

double yarn_magnitude(const RopeScaling& scaling) {
  return scaling.attention_factor > 0 ? scaling.attention_factor
                                      : 0.1 * std::log(scaling.factor) + 1;
}

}  // namespace

Rope::Rope(const RopeConfig& config, std::int64_t n_positions,
           std::span<const float> divisors) {
  using enum RopeScaling::Kind;
  const RopeScaling& scaling = config.scaling;
  const double theta = scaling.kind == kDynamic
                           ? dynamic_theta(config, n_positions)
                           : config.theta;
  frequencies_ = plain_frequencies(theta, config.rotary_dim);
  if (scaling.kind == kLinear) {
    for (double& frequency : frequencies_) frequency /= scaling.factor;
  } else if (scaling.kind == kLlama3) {
    scale_llama3(scaling, frequencies_);
  } else if (scaling.kind == kYarn) {
    scale_yarn(config, frequencies_);
    magnitude_ = yarn_magnitude(scaling);
  }
  assert(divisors.empty() || divisors.size() == frequencies_.size());
  for (size_t i = 0; i < divisors.size(); ++i) frequencies_[i] /= divisors[i];
}

void Rope::angles(std::int64_t position, float* cosines, float* sines) const {
  for (size_t i = 0; i < frequencies_.size(); ++i) {
    const double angle = static_cast<double>(position) * frequencies_[i];
    cosines[i] = static_cast<float>(std::cos(angle) * magnitude_);
    sines[i] = static_cast<float>(std::sin(angle) * magnitude_);
  }
}

Ropes::Ropes(const ModelConfig& config, std::int64_t n_positions,
             std::span<const float> divisors) {
  const std::vector<RopeConfig> different = different_ropes(config);
  std::vector<std::int64_t> begins;
  for (const RopeConfig& rope : different) {
    ropes_.emplace_back(rope, n_positions, divisors);
    begins.push_back(width_);
    width_ += rope.rotary_dim / 2;
  }
  for (const LayerConfig& layer : config.layers) {
    const auto rope =
        std::find(different.begin(), different.end(), layer.attention.rope);
    first_.push_back(begins[static_cast<size_t>(rope - different.begin())]);
  }
}

std::int64_t Ropes::width(const ModelConfig& config) {
  std::int64_t width = 0;
  for (const RopeConfig& rope : different_ropes(config)) {
    width += rope.rotary_dim / 2;
  }
  return width;
}

void Ropes::angles(std::int64_t position, float* cosines, float* sines) const {
  for (const Rope& rope : ropes_) {
    rope.angles(position, cosines, sines);
    cosines += rope.frequencies().size();
    sines += rope.frequencies().size();
  }
}

}  // namespace pilotfish
