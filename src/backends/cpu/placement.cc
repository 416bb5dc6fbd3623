#include "backends/cpu/placement.h"

#include <initializer_list>
#include <vector>

#include "kernels/linear.h"
#include "kernels/packed_matrix.h"

namespace pilotfish {
namespace {

// Of matrices that one call of linear_many multiplies. The ranges of threads
// of one node follow each other, so that pages between them are its own too.
void place_products(std::initializer_list<WeightMatrix> matrices,
                    LinearShares shares, const ThreadTeam& team) {
  std::vector<LinearTask> tasks;
  for (const WeightMatrix& matrix : matrices) {
    tasks.push_back({.weights = matrix});
  }
  for (int rank = 0; rank < team.size(); ++rank) {
    for_each_share(
        tasks, shares, rank, team.size(),
        [&](const LinearTask& task, std::int64_t begin, std::int64_t end) {
          team.place(rows_of(task.weights, begin, end), team.node_of(rank));
        });
  }
}

}  // namespace

// The products of CpuForward, which has `after` steps for all but the first
// and the last of them.
void place_weights(const Weights& weights, const ThreadTeam& team) {
  if (team.nodes() == 1) return;
  for (const LayerWeights& layer : weights.layers()) {
    place_products(
        {layer.query.weights, layer.key.weights, layer.value.weights},
        LinearShares::kInARow, team);
    place_products({layer.attention_output.weights}, LinearShares::kSideBySide,
                   team);
    place_products({layer.gate.weights, layer.up.weights},
                   LinearShares::kSideBySide, team);
    place_products({layer.down.weights}, LinearShares::kSideBySide, team);
  }
  place_products({weights.output()}, LinearShares::kInARow, team);
}

IndexRange heads_of_node(std::int64_t heads, const ThreadTeam& team, int node) {
  const IndexRange ranks = team.ranks(node);
  return {heads * ranks.begin / team.size(), heads * ranks.end / team.size()};
}

}  // namespace pilotfish
