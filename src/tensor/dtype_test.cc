#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>

namespace pilotfish {
namespace {

TEST(DTypeNames, AreReadInCapitalsToo) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    std::string name(dtype_name(dtype));
    EXPECT_EQ(parse_dtype(name), dtype) << name;
    std::ranges::transform(name, name.begin(), [](unsigned char c) {
      return static_cast<char>(std::toupper(c));
    });
    EXPECT_EQ(parse_dtype(name), dtype) << name;
  }
  for (const char* name : {"", "q8", "q8_00", "f64", "f32 "}) {
    EXPECT_EQ(parse_dtype(name), std::nullopt) << name;
  }
}

TEST(DTypeNames, RowsTakeWholeBlocks) {
  EXPECT_EQ(row_bytes(DType::kF32, 7), 28);
  EXPECT_EQ(row_bytes(DType::kQ8_0, 64), 68);
  EXPECT_EQ(row_bytes(DType::kQ6_K, 512), 420);
}

}  // namespace
}  // namespace pilotfish
