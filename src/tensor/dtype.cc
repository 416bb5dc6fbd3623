#include "tensor/dtype.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>

namespace pilotfish {
namespace {

struct Description {
  DType dtype;
  std::string_view name;
  BlockShape block;
};

constexpr std::array<Description, kDTypeCount> kDescriptions = {{
    {DType::kF32, "f32", {1, 4}},
    {DType::kF16, "f16", {1, 2}},
    {DType::kBF16, "bf16", {1, 2}},
    {DType::kQ8_0, "q8_0", {32, 34}},
    {DType::kQ4_0, "q4_0", {32, 18}},
    {DType::kQ4_1, "q4_1", {32, 20}},
    {DType::kQ5_0, "q5_0", {32, 22}},
    {DType::kQ5_1, "q5_1", {32, 24}},
    {DType::kQ2_K, "q2_k", {256, 84}},
    {DType::kQ3_K, "q3_k", {256, 110}},
    {DType::kQ4_K, "q4_k", {256, 144}},
    {DType::kQ5_K, "q5_k", {256, 176}},
    {DType::kQ6_K, "q6_k", {256, 210}},
    {DType::kIQ4_NL, "iq4_nl", {32, 18}},
    {DType::kIQ4_XS, "iq4_xs", {256, 136}},
}};

const Description& describe(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  assert(kDescriptions[index].dtype == dtype);
  return kDescriptions[index];
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

}  // namespace

std::string_view dtype_name(DType dtype) { return describe(dtype).name; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (const Description& description : kDescriptions) {
    if (equal_ignoring_case(description.name, name)) return description.dtype;
  }
  return std::nullopt;
}

BlockShape block_shape(DType dtype) { return describe(dtype).block; }

std::int64_t row_bytes(DType dtype, std::int64_t elements) {
  const BlockShape block = block_shape(dtype);
  assert(elements % block.elements == 0);
  return elements / block.elements * block.bytes;
}

}  // namespace pilotfish
