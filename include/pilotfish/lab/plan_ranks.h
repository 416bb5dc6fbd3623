#ifndef PILOTFISH_LAB_PLAN_RANKS_H_
#define PILOTFISH_LAB_PLAN_RANKS_H_

#include <cstdint>
#include <vector>

#include "pilotfish/lab/network.h"
#include "pilotfish/lab/planner.h"
#include "pilotfish/lab/rank_simulation.h"
#include "pilotfish/model_config.h"

// A plan for a model that is split over several ranks (tensor parallelism).
namespace pilotfish {

// A part of a pass, up to the gather that ends it.
struct PassStep {
  int layer = -1;                     // -1: the output projection
  std::vector<std::int64_t> weights;  // elements that each multiplies, [ranks]
  // Which share of the layer's keys and values each reads, [ranks]; empty: the
  // step has no attention.
  std::vector<double> cache;
  std::int64_t gathered = 0;  // values of a row, of all ranks together
  bool packed = false;        // sent as activations of the next product
};

// The steps of a pass: four of each layer, which end in gathers of attended
// values, the residual after the attention's output, SiLU(gate) * up, and the
// residual after the feed-forward network; then the logits. Rows of matrices
// are split in multiples of 16, queries, keys and values by heads of keys and
// values. Where there are more ranks than those, ranks share one and split the
// queries that go with it. Requires: 1 <= ranks <= kMostRanks.
std::vector<PassStep> pass_steps(const ModelConfig& config, int ranks);

// Bytes of a gather after `step` in a pass over `rows` rows in all. Packed
// activations of quantised weights are int8 with a scale for each 32, those of
// bf16 weights bf16; everything else is f32.
double gathered_bytes(const PassStep& step, DType weights, std::int64_t rows);

struct RankOptions {
  int fewest = 1;
  int most = 1;                       // 1 to kMostRanks
  Network network = Network::free();  // between them
  bool split_draft = false;           // rather than whole on rank 0
  Jitter jitter = {};                 // at most 100
};

// The plan for each number of ranks from `fewest` to `most`. `whole` is the
// plan for one, whose speed is that of one rank.
//
// A step takes a rank as much of the pass's time as its share of the bytes that
// are read. To the gathers of pass_steps comes one of about the size of the
// batch, with which rank 0 tells the others what to do. Norms, looking tokens
// up and sampling are taken as free, and each rank is counted with a whole
// pass's scratch. With jitter the times of passes are the average of 16.
//
// Throws UsageError for numbers out of range, and for more ranks than the
// network knows.
std::vector<Plan> plan_over_ranks(const Plan& whole,
                                  const RankOptions& options);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_PLAN_RANKS_H_
