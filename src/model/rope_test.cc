#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace pilotfish {
namespace {

using enum RopeScaling::Kind;

RopeConfig config_of(std::int64_t dim, double theta, RopeScaling scaling) {
  return {.theta = theta, .rotary_dim = dim, .scaling = scaling};
}

void expect_near(const Rope& rope, const std::vector<double>& expected) {
  ASSERT_EQ(rope.frequencies().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(rope.frequencies()[i] / expected[i], 1, 1e-12) << i;
  }
}

TEST(Rope, FallsGeometricallyFromOne) {
  expect_near(Rope(config_of(8, 10000, {})), {1, 0.1, 0.01, 0.001});
  expect_near(Rope(config_of(8, 10000, {.kind = kLinear, .factor = 4})),
              {0.25, 0.025, 0.0025, 0.00025});
}

TEST(Rope, DividesByTheFrequencyFactorsOfAFile) {
  const float divisors[] = {1, 2, 4, 8};
  expect_near(Rope(config_of(8, 10000, {}), 0, divisors),
              {1, 0.05, 0.0025, 0.000125});
}

// theta 10000 * (2 * 8192 / 2048 - 1)^(8 / 6): the base for four times the
// length.
TEST(Rope, RaisesTheBaseForAFixedLength) {
  const RopeScaling scaling = {
      .kind = kDynamic, .factor = 2, .original_positions = 2048};
  const RopeConfig config = config_of(8, 10000, scaling);
  const double theta = 10000 * std::pow(7.0, 8.0 / 6.0);
  expect_near(Rope(config, 8192),
              {1, std::pow(theta, -0.25), std::pow(theta, -0.5),
               std::pow(theta, -0.75)});
  // Within the length it was trained for, nothing changes.
  expect_near(Rope(config), {1, 0.1, 0.01, 0.001});
  expect_near(Rope(config, 100), {1, 0.1, 0.01, 0.001});
}

// _compute_llama3_parameters, in its own terms: wavelengths.
TEST(Rope, ScalesLongWavesOfLlama3) {
  const RopeScaling scaling = {.kind = kLlama3,
                               .factor = 8,
                               .original_positions = 8192,
                               .low_frequency_factor = 1,
                               .high_frequency_factor = 4};
  std::vector<double> expected;
  int kept = 0;
  int scaled = 0;
  for (int i = 0; i < 64; ++i) {
    const double frequency = std::pow(500000.0, -i / 64.0);
    const double wavelength = 2 * std::numbers::pi / frequency;
    if (wavelength < 8192 / 4.0) {
      expected.push_back(frequency);
      ++kept;
    } else if (wavelength > 8192 / 1.0) {
      expected.push_back(frequency / 8);
      ++scaled;
    } else {
      const double smooth = (8192 / wavelength - 1) / (4 - 1);
      expected.push_back((1 - smooth) * frequency / 8 + smooth * frequency);
    }
  }
  EXPECT_EQ(kept, 29);
  EXPECT_EQ(scaled, 29);
  const Rope rope(config_of(128, 500000, scaling));
  expect_near(rope, expected);
  EXPECT_EQ(rope.magnitude(), 1);
}

// Qwen2.5's settings. Correction range for dim 128, theta 1e6: turns 32 in
// 32768 at index 23.59, turns 1 at 39.65.
TEST(Rope, RampsBetweenTheCorrectionsOfYarn) {
  const RopeScaling scaling = {
      .kind = kYarn, .factor = 4, .original_positions = 32768};
  const Rope rope(config_of(128, 1e6, scaling));
  EXPECT_NEAR(rope.magnitude(), 1.1386294361119891, 1e-15);  // 0.1 ln 4 + 1
  std::vector<double> expected;
  for (int i = 0; i < 64; ++i) {
    const double plain = std::pow(1e6, -i / 64.0);
    const double ramp =
        std::min(1.0, std::max(0.0, (i - 23.0) / (40.0 - 23.0)));
    expected.push_back(plain / 4 * ramp + plain * (1 - ramp));
  }
  expect_near(rope, expected);

  RopeScaling exact = scaling;
  exact.truncate = false;
  exact.attention_factor = 1.5;
  const Rope unrounded(config_of(128, 1e6, exact));
  EXPECT_EQ(unrounded.magnitude(), 1.5);
  const auto index = [](double turns) {
    return 128 * std::log(32768 / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(1e6));
  };
  EXPECT_NEAR(index(32), 23.59, 0.01);
  EXPECT_NEAR(index(1), 39.65, 0.01);
  const double plain = std::pow(1e6, -30 / 64.0);
  const double ramp = (30 - index(32)) / (index(1) - index(32));
  EXPECT_NEAR(unrounded.frequencies()[30],
              plain / 4 * ramp + plain * (1 - ramp), 1e-15);
}

TEST(Rope, GivesAnglesOfAPosition) {
  const RopeScaling scaling = {.kind = kYarn,
                               .factor = 4,
                               .original_positions = 32768,
                               .attention_factor = 2};
  const Rope rope(config_of(8, 10000, scaling));
  float cosines[4];
  float sines[4];
  for (const std::int64_t position : {0, 1, 77, 1000000}) {
    rope.angles(position, cosines, sines);
    for (size_t i = 0; i < 4; ++i) {
      const double angle =
          static_cast<double>(position) * rope.frequencies()[i];
      EXPECT_EQ(cosines[i], static_cast<float>(2 * std::cos(angle)));
      EXPECT_EQ(sines[i], static_cast<float>(2 * std::sin(angle)));
    }
  }
}

}  // namespace
}  // namespace pilotfish
