#include "model/find_tensor.h"

#include <string>

namespace pilotfish {

const TensorView* find_tensor(const Checkpoint& checkpoint,
                              const ModelConfig& config, TensorRole role,
                              int layer) {
  const std::string name = tensor_name(checkpoint.kind(), role, layer);
  if (name.empty()) return nullptr;
  const TensorView* tensor = checkpoint.find(name);
  if (tensor == nullptr && role == TensorRole::kTokenEmbedding &&
      config.tied_embeddings) {
    return checkpoint.find(tensor_name(checkpoint.kind(), TensorRole::kOutput));
  }
  return tensor;
}

}  // namespace pilotfish
