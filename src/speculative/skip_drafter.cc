#include "speculative/skip_drafter.h"

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
  std::vector<Draft> drafts(requests.size());
  std::vector<SampledDraft> running;
  running.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].length == 0) continue;
    running.emplace_back(requests[i], requests[i].length, drafts[i]);
  }
  run(running);
  return drafts;
}

// One pass a drafted token, for all that have not come to their end.
void SkipDrafter::run(std::span<SampledDraft> drafts) {
  std::vector<SampledDraft*> running;
  std::vector<std::int64_t> cached;
  for (SampledDraft& draft : drafts) {
    running.push_back(&draft);
    cached.push_back(target_.length(draft.sequence().target_id));
    assert(cached.back() == draft.sequence().size() - 1);
  }
  while (!running.empty()) {
    batch_.clear();
    for (const SampledDraft* draft : running) {
      const SequenceId id = draft->sequence().target_id;
      const auto length = static_cast<size_t>(target_.length(id));
      batch_.add(id, draft->history().tokens().subspan(length), 1);
    }
    const Logits logits = target_.forward_first(batch_, layers_);
    std::int64_t row = 0;
    std::erase_if(running, [&](SampledDraft* draft) {
      return !draft->extend(logits.row(row++), processor_);
    });
  }
  for (size_t i = 0; i < drafts.size(); ++i) {
    target_.truncate(drafts[i].sequence().target_id, cached[i]);
  }
}

}  // namespace pilotfish
