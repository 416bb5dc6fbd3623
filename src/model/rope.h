#ifndef PILOTFISH_MODEL_ROPE_H_
#define PILOTFISH_MODEL_ROPE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/model_config.h"

namespace pilotfish {

// The angles of rotary position embeddings (Su et al. 2021, arXiv 2104.09864),
// with each kind of scaling as transformers' modeling_rope_utils.py defines it.
class Rope {
 public:
  // `n_positions` is what scaling of kind dynamic is computed for (0: the
  // model's own). `divisors`, [rotary_dim / 2] or empty, divide the frequencies
  // one by one (rope_freqs.weight of GGUF files).
  explicit Rope(const ModelConfig& config, std::int64_t n_positions = 0,
                std::span<const float> divisors = {});

  // Radians a position, [rotary_dim / 2].
  std::span<const double> frequencies() const { return frequencies_; }

  // What cosines and sines are multiplied by (YaRN); 1 otherwise.
  double magnitude() const { return magnitude_; }

  // Cosines and sines at one position, each [rotary_dim / 2]. Angles are
  // computed in double: position 100,000 is as exact as position 1.
  void angles(std::int64_t position, float* cosines, float* sines) const;

 private:
  std::vector<double> frequencies_;
  double magnitude_ = 1;
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_ROPE_H_
