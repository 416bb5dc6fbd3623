#include "speculative/drafters/model_drafter.h"

#include <algorithm>
#include <utility>

namespace pilotfish {

std::vector<Draft> ModelDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts = pool_.take(requests.size());
  const Emptied emptied(runners_);  // which takes back what is drafted
  runners_.reserve(requests.size());
  follow_all(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    const Sequence& sequence = *requests[i].sequence;
    Follower& follower = *find(sequence);
    const std::int64_t reachable = reach(sequence, follower);
    if (reachable == 0 || !has_room(i)) continue;
    if (requests[i].length == 0) {
      encode_ahead(sequence, follower);
      continue;
    }
    encode(sequence, follower, sequence.size());
    runners_.push_back(
        {&follower,
         SampledDraft(requests[i], std::min(requests[i].length, reachable),
                      drafts[i])});
  }
  run();
  for (const Runner& runner : runners_) {
    const Draft& draft = runner.draft.draft();
    Follower& follower = *find(runner.draft.sequence());
    follower.proposed.tokens = draft.tokens;
    follower.proposed_at =
        runner.draft.history().size() - static_cast<std::int64_t>(draft.size());
  }
  return drafts;
}

void ModelDrafter::commit(std::span<const PassRows> passes,
                          const PassOutput& /*output*/) {
  for (const PassRows& pass : passes) take_back_rejected(*pass.sequence);
}

void ModelDrafter::take_back_rejected(const Sequence& sequence) {
  Follower* const follower = find(sequence);
  if (follower == nullptr || follower->proposed.tokens.empty()) return;
  std::vector<Token>& proposed = follower->proposed.tokens;
  const std::span<const Token> actual =
      sequence.tokens().subspan(static_cast<size_t>(follower->proposed_at));
  const std::int64_t kept =
      std::ranges::mismatch(proposed, actual).in1 - proposed.begin();
  // The last token proposed is not in the cache.
  const SequenceId id = follower->cached.id();
  draft_.truncate(id, std::min(draft_.length(id), follower->proposed_at + kept -
                                                      follower->skipped));
  proposed.clear();
}

// One pass per drafted token, for all that have not come to their end.
void ModelDrafter::run() {
  running_.clear();
  for (Runner& runner : runners_) running_.push_back(&runner);
  while (!running_.empty()) {
    batch_.clear();
    for (const Runner* runner : running_) {
      const auto first = static_cast<size_t>(next(*runner->follower));
      batch_.add(runner->follower->cached.id(),
                 runner->draft.history().tokens().subspan(first), 1);
    }
    const Logits logits = draft_.forward(batch_).logits;
    std::int64_t row = 0;
    std::erase_if(running_, [&](Runner* runner) {
      return !runner->draft.extend(shared(logits.row(row++)), processor_);
    });
    std::erase_if(running_, [](const Runner* runner) {
      return !runner->draft.another_pays();
    });
  }
}

}  // namespace pilotfish
