#include "formats/ggml_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>

namespace pilotfish {
namespace {

struct Row {
  std::uint32_t type;
  DType dtype;
};

constexpr std::array<Row, kDTypeCount> kReadable = {{
    {0, DType::kF32},
    {1, DType::kF16},
    {2, DType::kQ4_0},
    {3, DType::kQ4_1},
    {6, DType::kQ5_0},
    {7, DType::kQ5_1},
    {8, DType::kQ8_0},
    {10, DType::kQ2_K},
    {11, DType::kQ3_K},
    {12, DType::kQ4_K},
    {13, DType::kQ5_K},
    {14, DType::kQ6_K},
    {20, DType::kIQ4_NL},
    {23, DType::kIQ4_XS},
    {30, DType::kBF16},
}};

struct OtherType {
  std::uint32_t type;
  std::string_view name;
};

constexpr OtherType kOthers[] = {
    {9, "q8_1"},     {15, "q8_k"},  {16, "iq2_xxs"}, {17, "iq2_xs"},
    {18, "iq3_xxs"}, {19, "iq1_s"}, {21, "iq3_s"},   {22, "iq2_s"},
    {24, "i8"},      {25, "i16"},   {26, "i32"},     {27, "i64"},
    {28, "f64"},     {29, "iq1_m"}, {34, "tq1_0"},   {35, "tq2_0"},
    {39, "mxfp4"},
};

}  // namespace

std::uint32_t ggml_type(DType dtype) {
  const auto row = std::find_if(kReadable.begin(), kReadable.end(),
                                [&](const Row& r) { return r.dtype == dtype; });
  assert(row != kReadable.end());
  return row->type;
}

std::optional<DType> dtype_of_ggml_type(std::uint32_t type) {
  for (const Row& row : kReadable) {
    if (row.type == type) return row.dtype;
  }
  return std::nullopt;
}

std::string ggml_type_text(std::uint32_t type) {
  if (const auto dtype = dtype_of_ggml_type(type)) {
    return fmt::format("{} ({})", dtype_name(*dtype), type);
  }
  for (const OtherType& other : kOthers) {
    if (other.type == type) return fmt::format("{} ({})", other.name, type);
  }
  return fmt::format("unknown ({})", type);
}

}  // namespace pilotfish
