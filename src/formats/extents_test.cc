#include "formats/extents.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace pilotfish {
namespace {

using ExtentsOf = std::vector<std::int64_t>;

TEST(Extents, RowsAreWholeBlocks) {
  EXPECT_EQ(checked_bytes(DType::kQ8_0, ExtentsOf{3, 32}), 3 * 34);
  EXPECT_EQ(checked_bytes(DType::kQ8_0, ExtentsOf{2, 3, 64}), 2 * 3 * 2 * 34);
  // All elements together would fill a block.
  EXPECT_EQ(checked_bytes(DType::kQ8_0, ExtentsOf{2, 16}), std::nullopt);
  EXPECT_EQ(checked_bytes(DType::kQ8_0, ExtentsOf{32, 1}), std::nullopt);
  EXPECT_EQ(checked_bytes(DType::kQ8_0, ExtentsOf{}), std::nullopt);
  EXPECT_EQ(checked_bytes(DType::kF16, ExtentsOf{}), 2);
}

TEST(Extents, WhatOverflowsIsNoSize) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(checked_elements(ExtentsOf{kMost}), kMost);
  EXPECT_EQ(checked_elements(ExtentsOf{kMost, 2}), std::nullopt);
  EXPECT_EQ(checked_elements(ExtentsOf{kMost, 2, 0}), std::nullopt);
  EXPECT_EQ(checked_elements(ExtentsOf{0, 7}), 0);
  EXPECT_EQ(checked_bytes(DType::kF32, ExtentsOf{kMost / 2}), std::nullopt);
}

}  // namespace
}  // namespace pilotfish
