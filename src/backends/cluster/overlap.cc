#include "backends/cluster/overlap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "backends/cpu/forward.h"
#include "model/tensor_shapes.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Of one thread in one step of a tile: about a millisecond, ten times as long
// as the thread beside it sleeps between looks.
constexpr double kFewestMultiplications = 1e8;
constexpr int kStepsOfLayer = 4;

// For one row, in a layer on average.
double multiplications(const ModelConfig& config) {
  double sum = 0;
  for (const TensorShape& shape : tensor_shapes(config)) {
    const bool is_in_layer = shape.role != TensorRole::kTokenEmbedding &&
                             shape.role != TensorRole::kOutput;
    if (is_in_layer && shape.is_matrix()) {
      sum += static_cast<double>(shape.elements());
    }
  }
  return sum / static_cast<double>(config.n_layers());
}

}  // namespace

std::int64_t fewest_rows_to_overlap(const ModelConfig& config, int ranks,
                                    int threads) {
  constexpr std::int64_t kFewest = 2 * CpuForward::kFewestHalfRows;
  const char* const text = std::getenv("PILOTFISH_OVERLAP");
  const std::string_view wanted = text == nullptr ? "" : text;
  if (wanted == "never" || ranks == 1) return kNoRows;
  if (wanted == "always") return kFewest;
  if (!wanted.empty()) {
    throw UsageError(fmt::format(
        "PILOTFISH_OVERLAP: found \"{}\", expected always or never", wanted));
  }
  const double rows = 2 * kFewestMultiplications * ranks * threads *
                      kStepsOfLayer / multiplications(config);
  if (rows > static_cast<double>(CpuForward::kTileRows)) return kNoRows;
  return std::max(kFewest, static_cast<std::int64_t>(rows));
}

}  // namespace pilotfish
