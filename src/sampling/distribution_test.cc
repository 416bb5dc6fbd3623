#include "pilotfish/distribution.h"

#include <gtest/gtest.h>

#include <vector>

namespace pilotfish {
namespace {

constexpr double kLargestUniform = 1 - 0x1p-53;

TEST(Distribution, ProbabilityOfEveryToken) {
  const Distribution dense({{0, 0.25}, {1, 0.5}, {2, 0.25}});
  const Distribution sparse({{1, 0.25}, {4, 0.5}, {90, 0.25}});
  EXPECT_EQ(dense.probability(1), 0.5);
  EXPECT_EQ(dense.probability(3), 0);
  EXPECT_EQ(sparse.probability(0), 0);
  EXPECT_EQ(sparse.probability(1), 0.25);
  EXPECT_EQ(sparse.probability(2), 0);
  EXPECT_EQ(sparse.probability(4), 0.5);
  EXPECT_EQ(sparse.probability(90), 0.25);
  EXPECT_EQ(sparse.probability(91), 0);
  EXPECT_EQ(sparse.probability(-1), 0);
  EXPECT_EQ(Distribution().probability(0), 0);
}

// The intervals of u that give each token have the lengths of their
// probabilities: the exact integral over u.
TEST(Distribution, SampleDividesTheUnitIntervalExactly) {
  const Distribution d({{2, 0.125}, {3, 0}, {5, 0.5}, {9, 0.25}, {11, 0.125}});
  const std::vector<std::pair<double, Token>> starts = {
      {0, 2}, {0.125, 5}, {0.625, 9}, {0.875, 11}};
  for (size_t i = 0; i < starts.size(); ++i) {
    EXPECT_EQ(d.sample(starts[i].first), starts[i].second);
    const double end = i + 1 < starts.size() ? starts[i + 1].first : 1;
    EXPECT_EQ(d.sample(end - 0x1p-53), starts[i].second);
  }
}

// Long enough for whole groups to be passed over, with zeros anywhere.
TEST(Distribution, SampleDividesALongOneExactly) {
  for (const size_t size : {7u, 8u, 9u, 16u, 61u}) {
    std::vector<Distribution::Entry> entries;
    std::vector<Token> sixteenths;  // the token of each sixteenth of the mass
    for (size_t i = 0; i < size; ++i) {
      const auto token = static_cast<Token>(3 * i);
      const size_t share = i * i % 5 == 1 ? 0 : i * 7 % 3;
      entries.push_back({token, static_cast<double>(share) / 16});
      sixteenths.insert(sixteenths.end(), share, token);
    }
    const Distribution d(entries);
    const auto whole = static_cast<double>(sixteenths.size());
    for (size_t i = 0; i < sixteenths.size(); ++i) {
      const auto at = static_cast<double>(i);
      EXPECT_EQ(d.sample((at + 1e-9) / whole), sixteenths[i]) << size;
      EXPECT_EQ(d.sample((at + 1 - 1e-9) / whole), sixteenths[i]) << size;
    }
    EXPECT_EQ(d.sample(0), sixteenths.front());
    EXPECT_EQ(d.sample(kLargestUniform), sixteenths.back());
  }
}

TEST(Distribution, SampleNeverYieldsWhatHasNoProbability) {
  const Distribution d(
      {{0, 0}, {1, 1.0 / 3}, {2, 1.0 / 3}, {3, 1.0 / 3}, {4, 0}});
  EXPECT_EQ(d.sample(0), 1);
  EXPECT_EQ(d.sample(kLargestUniform), 3);
}

TEST(Distribution, SampleNeedsNoMassOfOne) {
  const Distribution d({{0, 3}, {1, 1}});
  EXPECT_EQ(d.sample(0.74), 0);
  EXPECT_EQ(d.sample(0.76), 1);
  // A sum that rounding leaves below 1 must not fall off the end.
  const Distribution ten(std::vector<Distribution::Entry>({{0, .1},
                                                           {1, .1},
                                                           {2, .1},
                                                           {3, .1},
                                                           {4, .1},
                                                           {5, .1},
                                                           {6, .1},
                                                           {7, .1},
                                                           {8, .1},
                                                           {9, .1}}));
  EXPECT_EQ(ten.sample(kLargestUniform), 9);
}

TEST(Distribution, ArgmaxTakesTheSmallestIdAmongEquals) {
  EXPECT_EQ(Distribution({{3, 0.2}, {5, 0.4}, {8, 0.4}}).argmax(), 5);
  EXPECT_EQ(Distribution::one_hot(7).argmax(), 7);
}

TEST(Residual, IsTheNormalisedPositivePart) {
  const Distribution p({{0, 0.2}, {1, 0.5}, {2, 0.3}});
  const Distribution q({{0, 0.6}, {1, 0.3}, {2, 0.1}});
  const Distribution left = residual(p, q);
  ASSERT_EQ(left.entries().size(), 2u);
  EXPECT_NEAR(left.probability(1), 0.5, 1e-15);
  EXPECT_NEAR(left.probability(2), 0.5, 1e-15);
}

TEST(Residual, OfADeterministicDraftLeavesItsTokenOut) {
  const Distribution p({{0, 0.2}, {1, 0.5}, {2, 0.3}});
  const Distribution left = residual(p, Distribution::one_hot(1));
  EXPECT_NEAR(left.probability(0), 0.4, 1e-15);
  EXPECT_EQ(left.probability(1), 0);
  EXPECT_NEAR(left.probability(2), 0.6, 1e-15);
}

TEST(Residual, OfDisjointSupportsIsTheTarget) {
  const Distribution p({{0, 0.25}, {4, 0.75}});
  const Distribution left = residual(p, Distribution({{1, 0.5}, {3, 0.5}}));
  EXPECT_EQ(left.probability(0), 0.25);
  EXPECT_EQ(left.probability(4), 0.75);
}

TEST(Residual, WithoutMassIsTheTarget) {
  const Distribution p({{0, 0.5}, {1, 0.5}});
  EXPECT_EQ(residual(p, p).probability(0), 0.5);
  EXPECT_EQ(residual(p, p).probability(1), 0.5);
}

}  // namespace
}  // namespace pilotfish
