#ifndef PILOTFISH_FORMATS_EXTENTS_H_
#define PILOTFISH_FORMATS_EXTENTS_H_

#include <cstdint>
#include <optional>
#include <span>

#include "tensor/dtype.h"

namespace pilotfish {

// a * b for a, b >= 0; nullopt where it does not fit.
std::optional<std::int64_t> checked_product(std::int64_t a, std::int64_t b);

// Elements of a shape whose extents are all >= 0; nullopt where the count does
// not fit.
std::optional<std::int64_t> checked_elements(
    std::span<const std::int64_t> shape);

// Bytes of a tensor; nullopt where they do not fit, or the innermost extent is
// no multiple of the dtype's block.
std::optional<std::int64_t> checked_bytes(DType dtype,
                                          std::span<const std::int64_t> shape);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_EXTENTS_H_
