#ifndef PILOTFISH_MODEL_FIND_TENSOR_H_
#define PILOTFISH_MODEL_FIND_TENSOR_H_

#include "formats/checkpoint.h"
#include "model/tensor_names.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// The tensor of that role; nullptr where there is none. Where embedding and
// output are one and the file has it as the output, that is the embedding.
// Throws Error as Checkpoint::find.
const TensorView* find_tensor(const Checkpoint& checkpoint,
                              const ModelConfig& config, TensorRole role,
                              int layer);

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_FIND_TENSOR_H_
