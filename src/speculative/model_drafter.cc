#include "speculative/model_drafter.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace pilotfish {
namespace {

// Context that goes into the first drafting pass itself: the newest token, and
// after a full acceptance the one before, which was drafted last.
constexpr std::int64_t kFirstPassRows = 2;

}  // namespace

ModelDrafter::ModelDrafter(Scorer& draft, std::int64_t target_vocab_size,
                           std::int64_t prefill_chunk)
    : draft_(draft),
      shared_vocab_size_(std::min(draft.vocab_size(), target_vocab_size)),
      prefill_chunk_(prefill_chunk) {
  assert(prefill_chunk >= 1);
}

std::vector<Draft> ModelDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts = pool_.take(requests.size());
  const Emptied emptied(runners_);  // which takes back what is drafted
  runners_.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    Sequence& sequence = *requests[i].sequence;
    Follower& follower = follow(sequence);
    const std::int64_t reachable = reach(sequence, follower);
    if (reachable == 0) continue;
    if (requests[i].length == 0) {
      encode(sequence, follower.id, prefill_chunk_);
      continue;
    }
    encode(sequence, follower.id, sequence.size());
    runners_.push_back(
        {follower.id,
         SampledDraft(requests[i], std::min(requests[i].length, reachable),
                      drafts[i])});
  }
  run();
  for (const Runner& runner : runners_) {
    const Draft& draft = runner.draft.draft();
    Follower& follower = followers_.at(&runner.draft.sequence());
    follower.proposed = draft.tokens;
    follower.proposed_at =
        runner.draft.history().size() - static_cast<std::int64_t>(draft.size());
  }
  return drafts;
}

void ModelDrafter::commit(const Sequence& sequence) {
  const auto found = followers_.find(&sequence);
  if (found == followers_.end() || found->second.proposed.empty()) return;
  Follower& follower = found->second;
  const std::span<const Token> actual =
      sequence.tokens().subspan(static_cast<size_t>(follower.proposed_at));
  const std::int64_t kept =
      std::ranges::mismatch(follower.proposed, actual).in1 -
      follower.proposed.begin();
  // The last token proposed is not in the cache.
  draft_.truncate(follower.id, std::min(draft_.length(follower.id),
                                        follower.proposed_at + kept));
  follower.proposed.clear();
}

void ModelDrafter::forget(const Sequence& sequence) {
  const auto found = followers_.find(&sequence);
  if (found == followers_.end()) return;
  draft_.release(found->second.id);
  followers_.erase(found);
}

ModelDrafter::Follower& ModelDrafter::follow(const Sequence& sequence) {
  const auto [found, is_new] = followers_.try_emplace(&sequence);
  Follower& follower = found->second;
  if (is_new) {
    try {
      follower.id = draft_.create();
    } catch (...) {
      followers_.erase(found);
      throw;
    }
  }
  // Rows beyond are left of an iteration that threw.
  const std::int64_t cached = draft_.length(follower.id);
  draft_.truncate(follower.id, std::min(cached, sequence.size() - 1));
  return follower;
}

// How many tokens can be drafted at the most. The last one drafted takes no
// place in the draft's cache.
std::int64_t ModelDrafter::reach(const Sequence& sequence,
                                 Follower& follower) const {
  const std::span<const Token> tokens = sequence.tokens();
  while (!follower.lost && follower.known < sequence.size()) {
    follower.lost =
        tokens[static_cast<size_t>(follower.known)] >= draft_.vocab_size();
    if (!follower.lost) ++follower.known;
  }
  if (follower.lost) return 0;
  return std::max<std::int64_t>(0, draft_.n_positions() - sequence.size() + 1);
}

// Encodes what the first drafting pass would be too long with, chunk by chunk.
void ModelDrafter::encode(const Sequence& sequence, SequenceId id,
                          std::int64_t most_rows) {
  while (most_rows > 0) {
    const std::int64_t cached = draft_.length(id);
    const std::int64_t ahead = sequence.size() - 1 - cached;
    if (ahead < kFirstPassRows) return;
    const std::int64_t rows = std::min({ahead, prefill_chunk_, most_rows});
    batch_.clear();
    batch_.add(id,
               sequence.tokens().subspan(static_cast<size_t>(cached),
                                         static_cast<size_t>(rows)),
               0);
    draft_.forward(batch_);
    most_rows -= rows;
  }
}

// One pass a drafted token, for all that have not come to their end.
void ModelDrafter::run() {
  running_.clear();
  for (Runner& runner : runners_) running_.push_back(&runner);
  while (!running_.empty()) {
    batch_.clear();
    for (const Runner* runner : running_) {
      const auto cached = static_cast<size_t>(draft_.length(runner->id));
      batch_.add(runner->id, runner->draft.history().tokens().subspan(cached),
                 1);
    }
    const Logits logits = draft_.forward(batch_);
    std::int64_t row = 0;
    std::erase_if(running_, [&](Runner* runner) {
      return !runner->draft.extend(
          logits.row(row++).first(static_cast<size_t>(shared_vocab_size_)),
          processor_);
    });
  }
}

}  // namespace pilotfish
