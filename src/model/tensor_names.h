#ifndef PILOTFISH_MODEL_TENSOR_NAMES_H_
#define PILOTFISH_MODEL_TENSOR_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

#include "formats/checkpoint.h"

namespace pilotfish {

// What a tensor is for. Linear layers are [out, in] in both formats.
enum class TensorRole {
  // One a model.
  kTokenEmbedding,
  kOutputNorm,
  kOutput,           // the LM head; absent where the embedding serves as it
  kRopeFrequencies,  // GGUF only: a divisor for each rotation frequency

  // One a layer.
  kAttentionNorm,
  kQuery,
  kQueryBias,
  kKey,
  kKeyBias,
  kValue,
  kValueBias,
  kAttentionOutput,
  kAttentionOutputBias,
  kQueryNorm,
  kKeyNorm,
  kFfnNorm,
  kFfnGate,
  kFfnGateBias,
  kFfnUp,
  kFfnUpBias,
  kFfnDown,
  kFfnDownBias,
};

inline constexpr int kTensorRoleCount = 22;

// Whether each layer has a tensor of this role of its own.
bool is_per_layer(TensorRole role);

// "model.layers.3.self_attn.q_proj.weight" or "blk.3.attn_q.weight". `layer` is
// ignored for roles that are not per layer. Empty where the format has no such
// tensor.
std::string tensor_name(Checkpoint::Kind kind, TensorRole role, int layer = 0);

struct TensorPlace {
  TensorRole role;
  int layer;  // 0 for roles that are not per layer

  bool operator==(const TensorPlace&) const = default;
};

// The inverse; nullopt for a name that no role has.
std::optional<TensorPlace> find_tensor_place(Checkpoint::Kind kind,
                                             std::string_view name);

// The layer that a tensor of this name belongs to, whatever its role there;
// nullopt: none.
std::optional<int> layer_of_tensor(Checkpoint::Kind kind,
                                   std::string_view name);

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_TENSOR_NAMES_H_
