#include "speculative/first_layers.h"

#include <fmt/format.h>

#include "pilotfish/error.h"

namespace pilotfish {

FirstLayers::FirstLayers(ModelScorer& target, std::int64_t layers)
    : target_(target), layers_(layers) {
  const std::int64_t all = target.model().config().n_layers();
  if (layers >= 1 && layers < all) return;
  throw UsageError(fmt::format(
      "drafter skip: {} layers of {} are not a draft; allowed is 1 to {}",
      layers, all, all - 1));
}

}  // namespace pilotfish
