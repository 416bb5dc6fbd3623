#ifndef PILOTFISH_LAB_CONVERT_ROPE_SCALING_FROM_DIVISORS_H_
#define PILOTFISH_LAB_CONVERT_ROPE_SCALING_FROM_DIVISORS_H_

#include <optional>
#include <span>

#include "pilotfish/model_config.h"

namespace pilotfish {

// The scaling of kind llama3 (or none) that divides the frequencies of `config`
// by `divisors`, [rotary_dim / 2], which a GGUF file has in its place; nullopt
// where there is no such.
std::optional<RopeScaling> rope_scaling_from_divisors(
    const RopeConfig& config, std::span<const float> divisors);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_CONVERT_ROPE_SCALING_FROM_DIVISORS_H_
