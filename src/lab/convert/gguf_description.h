#ifndef PILOTFISH_LAB_CONVERT_GGUF_DESCRIPTION_H_
#define PILOTFISH_LAB_CONVERT_GGUF_DESCRIPTION_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "formats/gguf_writer.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// How GGUF sees the architecture.
struct GgufArchitecture {
  std::string_view name;
  bool interleaved;
};
GgufArchitecture gguf_architecture(const ModelConfig& config);

// Sets all that a GGUF file says of a model, its tokenizer excepted. `name` is
// for people; `matrices`: what most of them are stored as; `file` names the
// source in messages. Throws Error for what GGUF cannot say.
void describe_for_gguf(const ModelConfig& config, std::string_view name,
                       DType matrices, std::string_view file,
                       GgufHeader& header);

// How a matrix is stored where `wanted` is asked for: as `otherwise` if its
// rows are not a multiple of that dtype's blocks.
DType gguf_matrix_dtype(DType wanted, DType otherwise, std::int64_t columns);

// Rotary scaling that has no keys of its own in GGUF, as a divisor for each
// frequency: tensor rope_freqs.weight, [rotary_dim / 2]. Empty for none. That
// of kind dynamic is what it is at the model's own n_positions. Throws Error.
std::vector<float> gguf_rope_divisors(const ModelConfig& config,
                                      std::string_view file);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_GGUF_DESCRIPTION_H_
