#include "speculative/drafters/tree_drafter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {

namespace {

std::int64_t checked_width(std::int64_t width) {
  if (width >= 1) return width;
  throw UsageError(fmt::format(
      "tree_width: {} is out of range; 1 (a chain) or more", width));
}

}  // namespace

TreeDrafter::TreeDrafter(Scorer& draft, std::int64_t target_vocab_size,
                         std::int64_t width, std::int64_t prefill_chunk)
    : FollowingDrafter(draft, target_vocab_size, prefill_chunk),
      width_(checked_width(width)) {}

TreeDrafter::TreeDrafter(std::unique_ptr<Scorer> draft,
                         std::int64_t target_vocab_size, std::int64_t width,
                         std::int64_t prefill_chunk)
    : FollowingDrafter(std::move(draft), target_vocab_size, prefill_chunk),
      width_(checked_width(width)) {}

std::vector<Draft> TreeDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts(requests.size());
  std::vector<Runner> runners;
  runners.reserve(requests.size());
  follow_all(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    const DraftRequest& request = requests[i];
    Follower& follower = *find(*request.sequence);
    follower.proposed = {};
    const std::int64_t reachable = reach(*request.sequence, follower);
    if (reachable == 0 || !has_room(i)) continue;
    if (request.length == 0) {
      encode_ahead(*request.sequence, follower);
      continue;
    }
    encode(*request.sequence, follower, request.sequence->size());
    const TreeLimits limits = {.tokens = std::min(request.tree_size, reachable),
                               .depth = std::min(request.length, reachable),
                               .width = std::min(width_, request.tree_width),
                               .trust = follower.trust};
    runners.push_back({&follower, TreeDraft(request, limits, drafts[i])});
  }
  run(runners);
  for (Runner& runner : runners) {
    Follower& follower = *find(runner.draft.sequence());
    follower.proposed = {.tokens = runner.draft.draft().tokens,
                         .probs = {},
                         .parents = runner.draft.draft().parents};
    follower.rows = std::move(runner.rows);
    follower.places = runner.draft.places();
  }
  runners.clear();  // the histories are as they were
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].tree_width == 1) drafts[i].parents.clear();
  }
  for (const DraftRequest& request : requests) {
    find(*request.sequence)->proposed_at = request.sequence->size();
  }
  return drafts;
}

void TreeDrafter::commit(std::span<const PassRows> passes,
                         const PassOutput& /*output*/) {
  for (const PassRows& pass : passes) keep_accepted(*pass.sequence);
}

void TreeDrafter::keep_accepted(const Sequence& sequence) {
  Follower* const follower = find(sequence);
  if (follower == nullptr || follower->proposed.tokens.empty()) return;
  const Draft draft = std::exchange(follower->proposed, {});
  std::vector<std::int32_t> kept;
  std::int32_t at = -1;
  for (const Token token :
       sequence.tokens().subspan(static_cast<size_t>(follower->proposed_at))) {
    const std::int32_t parent = at;
    at = draft.child_with(parent, token);
    if (!learn(draft, parent, token, at >= 0, *follower) || at < 0) break;
    const std::int32_t row = follower->rows[static_cast<size_t>(at)];
    if (row >= 0) kept.push_back(row);
  }
  draft_.keep(follower->cached.id(), kept);
}

// Learns from the verdict on what followed a token of the tree. Returns whether
// anything followed it.
bool TreeDrafter::learn(const Draft& draft, std::int32_t parent, Token token,
                        bool accepted, Follower& follower) {
  const std::int32_t first =
      draft.next_child(parent, static_cast<size_t>(parent + 1));
  if (first < 0) return false;
  const TreePlace& place = follower.places[static_cast<size_t>(parent + 1)];
  const bool hit = draft.tokens[static_cast<size_t>(first)] == token;
  follower.trust.judge_first(place.largest, hit);
  if (!hit && place.later > 0) {
    follower.trust.judge_later(place.later, accepted);
  }
  return true;
}

// A pass for the tokens that each draft wants to go on from, until all are
// complete.
void TreeDrafter::run(std::span<Runner> runners) {
  std::vector<Runner*> running;
  for (Runner& runner : runners) running.push_back(&runner);
  while (!running.empty()) {
    batch_.clear();
    for (Runner* runner : running) add_rows(*runner);
    const Logits logits = draft_.forward(batch_).logits;
    std::int64_t row = 0;
    std::erase_if(running, [&](Runner* runner) {
      TreeDraft& draft = runner->draft;
      for (const std::int32_t token : draft.open()) {
        draft.expand(token, shared(logits.row(row++)), processor_);
      }
      draft.grow();
      runner->rows.resize(draft.draft().size(), -1);
      return draft.open().empty();
    });
  }
}

void TreeDrafter::add_rows(Runner& runner) {
  const Draft& draft = runner.draft.draft();
  const std::span<const std::int32_t> open = runner.draft.open();
  if (open.front() < 0) {  // the newest token, and what is missing before it
    const auto first = static_cast<size_t>(next(*runner.follower));
    batch_.add(runner.follower->cached.id(),
               runner.draft.sequence().tokens().subspan(first), 1);
    return;
  }
  tokens_.clear();
  parents_.clear();
  for (const std::int32_t token : open) {
    const auto i = static_cast<size_t>(token);
    const std::int32_t parent = draft.parents[i];
    tokens_.push_back(draft.tokens[i]);
    parents_.push_back(parent < 0 ? -1
                                  : runner.rows[static_cast<size_t>(parent)]);
    runner.rows[i] = runner.next_row++;
  }
  batch_.add_tree(runner.follower->cached.id(), tokens_, parents_,
                  std::ssize(tokens_));
}

}  // namespace pilotfish
