#include "lab/convert/rope_scaling_from_divisors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "model/rope.h"

namespace pilotfish {
namespace {

RopeConfig llama(std::int64_t head_dim, double theta) {
  RopeConfig config;
  config.theta = theta;
  config.rotary_dim = head_dim;
  return config;
}

std::vector<float> divisors_of(const RopeConfig& plain,
                               const RopeScaling& scaling) {
  RopeConfig scaled = plain;
  scaled.scaling = scaling;
  const Rope a(plain);
  const Rope b(scaled);
  std::vector<float> divisors;
  for (size_t i = 0; i < a.frequencies().size(); ++i) {
    divisors.push_back(
        static_cast<float>(a.frequencies()[i] / b.frequencies()[i]));
  }
  return divisors;
}

RopeScaling llama3(double factor, double low, double high,
                   std::int64_t positions) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::kLlama3;
  scaling.factor = factor;
  scaling.low_frequency_factor = low;
  scaling.high_frequency_factor = high;
  scaling.original_positions = positions;
  return scaling;
}

TEST(RopeScalingFromDivisors, RecoversLlama3) {
  const RopeConfig config = llama(128, 500000);
  for (const auto& wanted : {llama3(8, 1, 4, 8192), llama3(32, 1, 4, 8192),
                             llama3(4, 1, 2.5, 4096), llama3(16, 1, 8, 2048)}) {
    const auto found =
        rope_scaling_from_divisors(config, divisors_of(config, wanted));
    ASSERT_TRUE(found) << wanted.factor;
    EXPECT_EQ(found->kind, RopeScaling::Kind::kLlama3);
    EXPECT_EQ(found->factor, wanted.factor);
    EXPECT_EQ(found->low_frequency_factor, 1);
    EXPECT_EQ(found->high_frequency_factor, wanted.high_frequency_factor);
    EXPECT_EQ(found->original_positions, wanted.original_positions);
  }
}

// A small model has few frequencies, none or one of them on the ramp, or none
// that is stretched by the whole factor. What is found then may have other
// parameters, but gives the same divisors.
TEST(RopeScalingFromDivisors, ReproducesThoseOfSmallModels) {
  for (const std::int64_t head_dim : {4, 8, 16, 32, 64}) {
    for (const double theta : {1e4, 5e5}) {
      for (const std::int64_t positions : {64, 100, 512, 4096, 8192, 131072}) {
        for (const double factor : {2, 8, 32}) {
          const RopeConfig config = llama(head_dim, theta);
          const auto wanted =
              divisors_of(config, llama3(factor, 1, 4, positions));
          const auto found = rope_scaling_from_divisors(config, wanted);
          ASSERT_TRUE(found)
              << head_dim << " " << theta << " " << positions << " " << factor;
          const auto got = divisors_of(config, *found);
          for (size_t i = 0; i < wanted.size(); ++i) {
            EXPECT_NEAR(got[i], wanted[i], 1e-4 * wanted[i]);
          }
        }
      }
    }
  }
}

// Only the ratios to the positions count; 2, 8 and 8192 are 1, 4 and 4096.
TEST(RopeScalingFromDivisors, BringsTheLowFactorToOne) {
  const RopeConfig config = llama(128, 500000);
  const auto found = rope_scaling_from_divisors(
      config, divisors_of(config, llama3(8, 2, 8, 8192)));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->high_frequency_factor, 4);
  EXPECT_EQ(found->original_positions, 4096);
}

TEST(RopeScalingFromDivisors, FindsNoneForOnes) {
  const auto found =
      rope_scaling_from_divisors(llama(8, 10000), std::vector<float>(4, 1.0F));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, RopeScaling::Kind::kNone);
}

TEST(RopeScalingFromDivisors, RefusesOtherDivisors) {
  const RopeConfig config = llama(16, 10000);
  for (const std::vector<float>& divisors :
       std::vector<std::vector<float>>{{1, 2, 3, 4, 5, 6, 7, 8},
                                       {8, 8, 8, 8, 1, 1, 1, 1},
                                       {1, 1, 1, 1, 1, 1, 1, NAN},
                                       {1, 1, 1, 1, 1, 1, 1, INFINITY},
                                       {1, 1, 1, 1, 1, 1, 1, 0.5F},
                                       {-1, 1, 1, 1, 1, 1, 1, 1}}) {
    EXPECT_FALSE(rope_scaling_from_divisors(config, divisors));
  }
  // One divisor is changed by a hundredth.
  const RopeConfig large = llama(128, 500000);
  auto divisors = divisors_of(large, llama3(8, 1, 4, 8192));
  divisors[35] *= 1.01F;
  EXPECT_FALSE(rope_scaling_from_divisors(large, divisors));
}

}  // namespace
}  // namespace pilotfish
