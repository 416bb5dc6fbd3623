#ifndef PILOTFISH_LAB_SYNTH_RANDOM_WEIGHTS_H_
#define PILOTFISH_LAB_SYNTH_RANDOM_WEIGHTS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/thread_team.h"
#include "formats/tensor_file_writer.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// A tensor of independent, uniformly distributed elements.
struct RandomTensor {
  TensorSpec spec;
  double mean = 0;
  double deviation = 0;
  std::uint32_t key = 0;  // of its random numbers: its role and layer
};

// Layers from `first` on have their output projections, of attention and
// feed-forward, multiplied by `scale`.
struct LaterLayers {
  std::int64_t first = 0;
  double scale = 1;
};

// All tensors of a GGUF file with this configuration, but for
// rope_freqs.weight. Every layer adds about as much to the residual stream as
// the embedding brings, so that the text before a token decides what follows.
std::vector<RandomTensor> random_tensors(const ModelConfig& config, DType dtype,
                                         const LaterLayers& later);

std::vector<TensorSpec> specs_of(std::span<const RandomTensor> tensors);

// Streams the tensors into a file that was started with their specs.
// `progress`: bytes written of all; may be empty. The result does not depend on
// the threads.
void write_random(std::span<const RandomTensor> tensors, std::uint64_t seed,
                  ThreadTeam& threads,
                  const std::function<void(double)>& progress,
                  TensorFileWriter& writer);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SYNTH_RANDOM_WEIGHTS_H_
