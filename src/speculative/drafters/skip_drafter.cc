#include "speculative/drafters/skip_drafter.h"

#include <fmt/format.h>

#include <cassert>

#include "pilotfish/error.h"

namespace pilotfish {

SkipDrafter::SkipDrafter(ModelScorer& target, std::int64_t layers)
    : target_(target), layers_(layers) {
  const std::int64_t all = target.model().config().n_layers;
  if (layers < 1 || layers >= all) {
    throw UsageError(fmt::format(
        "drafter skip: {} layers of {} are no draft; allowed is 1 to {}",
        layers, all, all - 1));
  }
}

std::vector<Draft> SkipDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts = pool_.take(requests.size());
  const Emptied emptied(drafts_);  // which takes back what is drafted
  drafts_.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].length == 0) continue;
    drafts_.emplace_back(requests[i], requests[i].length, drafts[i]);
  }
  run();
  return drafts;
}

// One pass a drafted token, for all that have not come to their end.
void SkipDrafter::run() {
  running_.clear();
  cached_.clear();
  for (SampledDraft& draft : drafts_) {
    running_.push_back(&draft);
    cached_.push_back(target_.length(draft.sequence().target_id));
    assert(cached_.back() == draft.sequence().size() - 1);
  }
  while (!running_.empty()) {
    batch_.clear();
    for (const SampledDraft* draft : running_) {
      const SequenceId id = draft->sequence().target_id;
      const auto length = static_cast<size_t>(target_.length(id));
      batch_.add(id, draft->history().tokens().subspan(length), 1);
    }
    const Logits logits = target_.forward_first(batch_, layers_).logits;
    std::int64_t row = 0;
    std::erase_if(running_, [&](SampledDraft* draft) {
      return !draft->extend(logits.row(row++), processor_);
    });
  }
  for (size_t i = 0; i < drafts_.size(); ++i) {
    target_.truncate(drafts_[i].sequence().target_id, cached_[i]);
  }
}

}  // namespace pilotfish
