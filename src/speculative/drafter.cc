#include "speculative/drafter.h"

namespace pilotfish {

// A number of its own for each visit of a position: what a verdict has seen and
// thrown away is drawn anew by the next window, at an earlier place.
Token draw_drafted(const Distribution& q, const DraftRequest& request,
                   std::size_t place) {
  const Random& random = request.sequence->random();
  const auto position =
      static_cast<std::uint64_t>(request.sequence->history().size());
  if (request.noise == DraftNoise::kShared) {
    return gumbel_draw(q, random, position);
  }
  return q.sample(random.uniform(position, RandomRole::kDraft,
                                 static_cast<std::uint32_t>(place)));
}

}  // namespace pilotfish
