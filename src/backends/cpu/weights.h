#ifndef PILOTFISH_BACKENDS_CPU_WEIGHTS_H_
#define PILOTFISH_BACKENDS_CPU_WEIGHTS_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backends/cpu/shard.h"
#include "base/aligned_buffer.h"
#include "base/huge_buffer.h"
#include "base/thread_team.h"
#include "formats/checkpoint.h"
#include "kernels/kernels.h"
#include "kernels/packed_matrix.h"
#include "pilotfish/model_config.h"
#include "pilotfish/token.h"

namespace pilotfish {

// A linear layer, or the rows of one that a shard has: `weights` and `bias`
// ([weights.rows], or null for none) begin at row `first_row` of it.
struct LinearWeights {
  WeightMatrix weights;
  const float* bias = nullptr;
  std::int64_t first_row = 0;
};

// Extents are those of the whole model.
struct LayerWeights {
  const float* attention_norm = nullptr;  // [hidden_size]
  LinearWeights query;                    // [n_heads * head_dim, hidden_size]
  LinearWeights key;                  // [n_kv_heads * head_dim, hidden_size]
  LinearWeights value;                // as key
  LinearWeights attention_output;     // [hidden_size, n_heads * head_dim]
  const float* query_norm = nullptr;  // [head_dim], or null for none
  const float* key_norm = nullptr;    // as query_norm
  const float* ffn_norm = nullptr;    // [hidden_size]
  LinearWeights gate;                 // [intermediate_size, hidden_size]
  LinearWeights up;                   // as gate
  LinearWeights down;                 // [hidden_size, intermediate_size]
};

struct WeightOptions {
  std::optional<DType> dtype = std::nullopt;  // of matrices; nullopt: as stored
  bool strict_dtype = false;                  // see LoadOptions
  bool packs_bf16 = false;                    // see PackedKernels::has_bf16
  std::function<void(double)> progress = {};
  // Off: all is found, checked and placed, but what would be copied is not, and
  // must not be read.
  bool copies = true;
};

// The weights of a model, or of a shard. Matrices are used in place, in the
// mapped file, unless another dtype is asked for or the dtype has a packed form
// that is faster to multiply with; what is copied leaves its pages of the file.
// Norms and biases are always copied, as floats. Immutable.
//
// With a team of several nodes all matrices that are multiplied with are
// copied, each row into memory of the node whose threads read it: pages of a
// file lie where they were first read, in this program or an earlier one.
class Weights {
 public:
  // `config` may have fewer layers than the checkpoint. Throws Error with the
  // tensor's name where one is missing, has another shape than the
  // configuration says, or cannot be converted; UsageError for a dtype that
  // nothing is converted to.
  Weights(std::shared_ptr<const Checkpoint> checkpoint,
          const ModelConfig& config, const Shard& shard,
          const WeightOptions& options, ThreadTeam& team);

  // The embedding of a token, [hidden_size]. A shard reads it where it lies in
  // the file, whatever rank has the token's row of a tied output, and gives the
  // same bits.
  void embed(const Kernels& kernels, Token token, float* out) const;
  // Without data in a shard.
  const WeightMatrix& embedding() const { return embedding_; }
  const WeightMatrix& output() const { return output_; }
  const float* output_norm() const { return output_norm_; }  // [hidden_size]
  std::span<const LayerWeights> layers() const { return layers_; }
  // [rotary_dim / 2], or empty; see Rope.
  std::span<const float> rope_divisors() const { return rope_divisors_; }

  std::int64_t bytes() const { return bytes_; }
  std::int64_t resident_bytes() const { return resident_bytes_; }
  // That could not have the dtype asked for.
  std::int64_t matrices_kept_in_bf16() const { return kept_in_bf16_; }

 private:
  friend class WeightLoader;

  std::shared_ptr<const Checkpoint> checkpoint_;
  std::vector<AlignedBuffer<std::byte>> copies_;
  std::vector<HugeBuffer> placed_copies_;
  std::deque<PackedMatrix> packed_;
  WeightMatrix embedding_;                // whole, and nowhere else
  const TensorView* embedded_ = nullptr;  // of a shard
  DType embedding_dtype_ = DType::kF32;   // that it is read as
  bool is_tied_ = false;                  // its output is the embedding
  WeightMatrix output_;                   // may be embedding_
  const float* output_norm_ = nullptr;
  std::vector<LayerWeights> layers_;
  std::span<const float> rope_divisors_;
  std::int64_t bytes_ = 0;           // of all that is used
  std::int64_t resident_bytes_ = 0;  // of all copies
  std::int64_t kept_in_bf16_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_WEIGHTS_H_
