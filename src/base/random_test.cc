#include "pilotfish/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace pilotfish {
namespace {

// Known answers of the Random123 distribution's kat_vectors for philox4x32-10.
TEST(Random, PhiloxGivesThePublishedNumbers) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(Random::philox({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Random::philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                           {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Random::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                           {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, EveryPartOfTheKeyCounts) {
  const std::set<double> values = {
      Random(1).uniform(7, RandomRole::kDraft),
      Random(2).uniform(7, RandomRole::kDraft),
      Random(1 + (1ull << 32)).uniform(7, RandomRole::kDraft),
      Random(1).uniform(8, RandomRole::kDraft),
      Random(1).uniform(7 + (1ull << 32), RandomRole::kDraft),
      Random(1).uniform(7, RandomRole::kAccept),
      Random(1).uniform(7, RandomRole::kDraft, 1)};
  EXPECT_EQ(values.size(), 7u);
  EXPECT_EQ(Random(1).uniform(7, RandomRole::kDraft),
            Random(1).uniform(7, RandomRole::kDraft));
}

TEST(Random, UniformFillsTheUnitInterval) {
  const Random random(3);
  constexpr int kDraws = 100000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u =
        random.uniform(static_cast<std::uint64_t>(i), RandomRole::kTarget);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  // Five standard deviations of the mean, and of the mean square.
  EXPECT_NEAR(sum / kDraws, 1.0 / 2, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kDraws));
}

}  // namespace
}  // namespace pilotfish
