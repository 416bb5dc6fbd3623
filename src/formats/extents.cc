#include "formats/extents.h"

namespace pilotfish {

std::optional<std::int64_t> checked_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

std::optional<std::int64_t> checked_elements(
    std::span<const std::int64_t> shape) {
  std::int64_t elements = 1;
  // Overflow counts even where a later extent is 0, so that no order of the
  // factors can overflow in code that multiplies them unchecked.
  std::int64_t without_zeros = 1;
  for (const std::int64_t extent : shape) {
    const auto product = checked_product(without_zeros, extent ? extent : 1);
    if (!product) return std::nullopt;
    without_zeros = *product;
    elements = extent == 0 ? 0 : elements * extent;
  }
  return elements;
}

std::optional<std::int64_t> checked_bytes(DType dtype,
                                          std::span<const std::int64_t> shape) {
  const auto elements = checked_elements(shape);
  if (!elements) return std::nullopt;
  const BlockShape block = block_shape(dtype);
  const std::int64_t innermost = shape.empty() ? 1 : shape.back();
  if (innermost % block.elements != 0) return std::nullopt;
  return checked_product(*elements / block.elements, block.bytes);
}

}  // namespace pilotfish
