#include "speculative/drafters/draft_pool.h"

#include <utility>

namespace pilotfish {

void DraftPool::recycle(std::vector<Draft>&& drafts,
                        LogitsProcessor& processor) {
  spare_ = std::move(drafts);
  for (Draft& draft : spare_) {
    for (Distribution& q : draft.probs) processor.recycle(std::move(q));
    draft.probs.clear();
    draft.tokens.clear();
    draft.parents.clear();
  }
}

std::vector<Draft> DraftPool::take(std::size_t count) {
  spare_.resize(count);
  return std::move(spare_);
}

}  // namespace pilotfish
