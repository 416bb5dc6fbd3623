#ifndef PILOTFISH_MODEL_TENSOR_SHAPES_H_
#define PILOTFISH_MODEL_TENSOR_SHAPES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "model/tensor_names.h"
#include "pilotfish/model_config.h"

// Which tensors a model has and how large each is: whatever loads, counts,
// writes or makes weights takes it from here.
namespace pilotfish {

struct TensorShape {
  TensorRole role;
  int layer;                         // 0 for roles that are not per layer
  std::optional<std::int64_t> rows;  // none: a vector
  std::int64_t columns;

  bool is_matrix() const { return rows.has_value(); }
  std::int64_t elements() const { return rows.value_or(1) * columns; }
  std::vector<std::int64_t> extents() const;  // outermost first
};

// Nullopt where the model has no such tensor, and for kRopeFrequencies, which
// each format says in its own way.
std::optional<TensorShape> tensor_shape(const ModelConfig& config,
                                        TensorRole role, int layer = 0);

// All of them: the model's own, then layer after layer, in the order of
// TensorRole.
std::vector<TensorShape> tensor_shapes(const ModelConfig& config);

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_TENSOR_SHAPES_H_
