#ifndef PILOTFISH_LAB_SHAPES_H_
#define PILOTFISH_LAB_SHAPES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pilotfish/dtype.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// A well-known model without its weights: what its config.json says.
struct Shape {
  std::string name;  // "llama-2-70b"
  ModelConfig config;
};

// All built-in shapes, family by family, small to large.
std::span<const Shape> shapes();

// Finds a shape by name, whatever its case and hyphens: "Llama-2-70B" and
// "llama2-70b" are the same. Null for an unknown name.
const Shape* find_shape(std::string_view name);

// Bytes of such a model's weights, with its matrices stored as `dtype` (f16
// where rows are not a multiple of its block). Norms and biases are stored as
// `dtype` too, or as f32 where that is quantised.
std::int64_t weight_bytes(const ModelConfig& config, DType dtype);

// The same stored as llama.cpp's Q4_K_M: the output projection in q6_k; of
// values' and down projections about half the layers in q6_k, in the 70B the
// other half of values in q5_k; the rest in q4_k.
std::int64_t q4_k_m_bytes(const ModelConfig& config);

// The bytes, and the elements, of the token embedding among those, which is
// looked up and not read by every pass; 0 where it serves as output projection
// too.
std::int64_t lookup_bytes(const ModelConfig& config, DType dtype);
std::int64_t lookup_elements(const ModelConfig& config);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SHAPES_H_
