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
  // `n_positions` is what scaling of kind dynamic is computed for; no less than
  // its original_positions. `divisors`, [rotary_dim / 2] or empty, divide the
  // frequencies one by one (rope_freqs.weight of GGUF files).
  explicit Rope(const RopeConfig& config, std::int64_t n_positions = 0,
                std::span<const float> divisors = {});

  // Radians per position, [rotary_dim / 2].
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

// The rotations of a model's layers. Layers with the same settings share one;
// the angles of all lie side by side in a row.
class Ropes {
 public:
  // As Rope; the divisors go to each.
  Ropes(const ModelConfig& config, std::int64_t n_positions,
        std::span<const float> divisors);

  // How many angles a position has: rotary_dim / 2 of each different rotation.
  static std::int64_t width(const ModelConfig& config);
  std::int64_t width() const { return width_; }

  // Where the angles of a layer begin in a row.
  std::int64_t first(std::int64_t layer) const {
    return first_[static_cast<size_t>(layer)];
  }

  // Cosines and sines at one position, each [width].
  void angles(std::int64_t position, float* cosines, float* sines) const;

 private:
  std::vector<Rope> ropes_;
  std::vector<std::int64_t> first_;  // [n_layers]
  std::int64_t width_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_ROPE_H_
