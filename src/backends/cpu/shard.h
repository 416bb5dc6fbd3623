#ifndef PILOTFISH_BACKENDS_CPU_SHARD_H_
#define PILOTFISH_BACKENDS_CPU_SHARD_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/index_range.h"
#include "model/kv_layout.h"
#include "model/tensor_names.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// Where each rank's columns of a row begin, and where the last rank's end:
// [ranks + 1], ascending from 0.
using RankColumns = std::vector<std::int64_t>;

// The part of a model that one of several ranks computes: some rows of each
// weight matrix, all columns of them. Every output element is then summed in
// one place and in one order, whatever the number of ranks, so results have the
// same bits; a split of the columns, with partial sums that are added up, has
// not. Rows are cut at multiples of 16, which packed weights take together, and
// queries, keys and values between heads. With more ranks than key/value heads
// several ranks hold the same one; with more ranks than heads or groups of
// rows, some have none.
class Shard {
 public:
  // What the ranks of one layer compute.
  struct Layer {
    IndexRange heads;      // query heads of this rank
    IndexRange kv_heads;   // that those look at
    RankColumns attended;  // of n_heads * head_dim
    RankColumns ffn;       // of intermediate_size
  };

  // Requires: 0 <= rank < ranks. One rank has the whole model.
  Shard(const ModelConfig& config, int rank, int ranks);

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  bool is_whole() const { return ranks_ == 1; }

  const Layer& layer(std::int64_t index) const {
    return layers_[static_cast<size_t>(index)];
  }
  const RankColumns& hidden() const { return hidden_; }  // of hidden_size
  const RankColumns& vocab() const { return vocab_; }    // of vocab_size
  // This rank's.
  IndexRange mine(const RankColumns& columns) const;

  // This rank's rows of a matrix. Of queries, keys and values they may begin
  // and end inside a group of 16.
  IndexRange rows(const ModelConfig& config, TensorRole role,
                  std::int64_t layer) const;

  // What a cache with this rank's heads of a whole one keeps.
  std::vector<KvLayerShape> kv_shapes(std::vector<KvLayerShape> whole) const;
  KvLayout kv_layout(const KvLayout& whole) const;

 private:
  int rank_;
  int ranks_;
  std::vector<Layer> layers_;  // [n_layers]
  RankColumns hidden_;
  RankColumns vocab_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_SHARD_H_
