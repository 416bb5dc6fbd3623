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

// A pass for the next tokens of all that have not come to their end.
void ModelDrafter::run() {
  running_.clear();
  for (Runner& runner : runners_) running_.push_back(&runner);
  while (!running_.empty()) {
    batch_.clear();
    for (Runner* runner : running_) add_rows(*runner);
    const Logits logits = draft_.forward(batch_).logits;
    std::int64_t row = 0;
    std::erase_if(running_, [&](Runner* runner) {
      const std::int64_t first = row;
      row += 1 + std::ssize(runner->ahead);
      return !extend(*runner, logits, first);
    });
    std::erase_if(running_, [](const Runner* runner) {
      return !runner->draft.another_pays();
    });
  }
}

void ModelDrafter::add_rows(Runner& runner) {
  const auto first = static_cast<size_t>(next(*runner.follower));
  const std::span<const Token> known =
      runner.draft.history().tokens().subspan(first);
  runner.ahead = runner.draft.forced_ahead();
  runner.ahead.erase(
      std::ranges::find_if_not(runner.ahead,
                               [&](Token token) { return is_shared(token); }),
      runner.ahead.end());
  tokens_.assign(known.begin(), known.end());
  tokens_.insert(tokens_.end(), runner.ahead.begin(), runner.ahead.end());
  batch_.add(runner.follower->cached.id(), tokens_,
             1 + std::ssize(runner.ahead));
}

// Draws from the rows of a pass, the first of which is `row`, until a token is
// not the one taken in ahead. Returns whether the draft may go on.
bool ModelDrafter::extend(Runner& runner, const Logits& logits,
                          std::int64_t row) {
  SampledDraft& draft = runner.draft;
  const std::int64_t known = draft.history().size();
  std::int64_t taken = 0;
  bool goes_on = true;
  while (true) {
    goes_on = draft.extend(shared(logits.row(row + taken)), processor_);
    const bool as_taken_in =
        draft.history().size() > known + taken &&
        taken < std::ssize(runner.ahead) &&
        draft.draft().tokens.back() == runner.ahead[static_cast<size_t>(taken)];
    if (!as_taken_in) break;
    ++taken;
    if (!goes_on) break;
  }
  if (taken < std::ssize(runner.ahead)) {
    draft_.truncate(runner.follower->cached.id(),
                    known + taken - runner.follower->skipped);
  }
  return goes_on;
}

}  // namespace pilotfish
