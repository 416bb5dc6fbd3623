#include "speculative/window/pass_times.h"

#include <gtest/gtest.h>

#include <random>

namespace pilotfish {
namespace {

TEST(PassTimes, LiesOnLinesBetweenWhatIsKnown) {
  PassTimes times;
  EXPECT_TRUE(times.empty());
  times.add(2, 3.0);
  EXPECT_DOUBLE_EQ(times.estimate(1), 3);
  EXPECT_DOUBLE_EQ(times.estimate(2), 3);
  EXPECT_GT(times.estimate(4), 3);
  times.add(6, 5.0);
  times.add(6, 5.0);
  EXPECT_NEAR(times.estimate(4), 4, 1e-12);
  EXPECT_NEAR(times.estimate(10), 7, 1e-12);
  EXPECT_DOUBLE_EQ(times.estimate(1), 3);
  times.add(8, 4.5);
  EXPECT_NEAR(times.estimate(20), 4.5, 1e-12);  // a line that would fall
  EXPECT_EQ(times.times(6), 2);
  EXPECT_EQ(times.times(7), 0);
}

// A first time that is too long to be believed is judged by the second, or by a
// time of more rows. The machine is steady otherwise.
TEST(PassTimes, AFirstTimeAloneIsNotBelieved) {
  PassTimes times;
  for (int i = 0; i < 5; ++i) times.add(1, 1.0);
  times.add(2, 1.05);
  times.add(5, 3.0);
  EXPECT_LT(times.estimate(5), 1.8);
  times.add(5, 1.2);
  EXPECT_NEAR(times.estimate(5), 1.2, 1e-9);
  times.add(8, 4.0);
  EXPECT_LT(times.estimate(8), 2.1);
  times.add(8, 4.1);
  EXPECT_NEAR(times.estimate(8), 4.0, 1e-9);
  times.add(9, 9.0);
  EXPECT_LT(times.estimate(9), 8.0);
  times.add(12, 10.0);
  EXPECT_NEAR(times.estimate(9), 9.0, 1e-9);
}

// One-sided noise with outliers, at 1 row and at 5.
TEST(PassTimes, RatiosSurviveNoiseAndOutliers) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  PassTimes times;
  for (int i = 0; i < 300; ++i) {
    for (const std::int64_t rows : {1, 5}) {
      double seconds = (rows == 1 ? 1 : 1.5) * (1 + 0.1 * uniform(random));
      if (uniform(random) < 0.05 || i == 0) seconds *= 1 + 9 * uniform(random);
      times.add(rows, seconds);
    }
  }
  EXPECT_NEAR(times.estimate(5) / times.estimate(1), 1.5, 0.08);
  EXPECT_NEAR(times.estimate(1), 1.03, 0.05);
}

// Four times that scatter as on a busy machine do not tell that a pass over
// four rows takes three times as long as one over one row. Many do.
TEST(PassTimes, AFewTimesThatScatterSayLittle) {
  PassTimes times;
  times.add(4, 10.0);
  times.add(1, 4.0);
  times.add(1, 2.0);
  times.add(4, 6.0);
  EXPECT_LT(times.trust(1), 0.3);
  EXPECT_LT(times.estimate(4) / times.estimate(1), 2);
  std::mt19937 random(5);
  std::uniform_real_distribution<double> slower(1, 3);
  for (int i = 0; i < 200; ++i) {
    times.add(1, 2 * slower(random));
    times.add(4, 6 * slower(random));
  }
  EXPECT_GT(times.trust(1), 0.9);
  EXPECT_NEAR(times.estimate(4) / times.estimate(1), 3, 0.5);
}

// A machine that becomes slower: rows not seen for long stay comparable.
TEST(PassTimes, TheLevelIsCommonToAllRows) {
  PassTimes times;
  for (int i = 0; i < 50; ++i) {
    times.add(1, 1.0);
    times.add(5, 1.5);
  }
  for (int i = 0; i < 200; ++i) times.add(5, 1.5 * 2);
  EXPECT_NEAR(times.estimate(5), 3, 0.05);
  EXPECT_NEAR(times.estimate(5) / times.estimate(1), 1.5, 0.25);
  for (int i = 0; i < 20; ++i) times.add(5, 1.5);
  EXPECT_NEAR(times.estimate(5) / times.estimate(1), 1.5, 0.1);
}

}  // namespace
}  // namespace pilotfish
