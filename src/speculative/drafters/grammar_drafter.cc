#include "speculative/drafters/grammar_drafter.h"

#include <utility>

#include "speculative/drafters/copied_draft.h"

namespace pilotfish {
namespace {

// The only token that can end the text, where it must end and there are not
// several.
void add_end(const Sequence& sequence, CopiedDraft& draft) {
  const std::int64_t generated =
      sequence.generated_size() + std::ssize(draft.draft().tokens);
  const RuleWalk& walk = draft.walk();
  if (walk.ended() || generated < sequence.sampling().min_tokens) return;
  if (sequence.stop_tokens().size() != 1) return;
  if (!walk.rule()->must_end(walk.state())) return;
  draft.add(sequence.stop_tokens().front());
}

Draft forced_draft(const DraftRequest& request) {
  CopiedDraft draft(request);
  if (draft.add_forced()) add_end(*request.sequence, draft);
  return std::move(draft).take();
}

}  // namespace

std::vector<Draft> GrammarDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    const bool has_rule = requests[i].sequence->history().rule() != nullptr;
    if (has_rule && requests[i].length > 0) {
      drafts[i] = forced_draft(requests[i]);
    }
  }
  return drafts;
}

}  // namespace pilotfish
