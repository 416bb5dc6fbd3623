#ifndef PILOTFISH_DTYPE_H_
#define PILOTFISH_DTYPE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace pilotfish {

// How the elements of a tensor are stored. The quantised types are GGUF's, bit
// for bit (ggml's block layouts).
enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
};

inline constexpr int kDTypeCount = 15;

// "f32", "bf16", "q8_0", "q4_k", "iq4_xs", ...
std::string_view dtype_name(DType dtype);
// The inverse, in any case; nullopt for an unknown name.
std::optional<DType> parse_dtype(std::string_view name);

}  // namespace pilotfish

#endif  // PILOTFISH_DTYPE_H_
