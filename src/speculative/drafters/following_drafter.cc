#include "speculative/drafters/following_drafter.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace pilotfish {
namespace {

// Context that goes into the first drafting pass itself: the newest token, and
// after a full acceptance the one before, which was drafted last.
constexpr std::int64_t kFirstPassRows = 2;

}  // namespace

FollowingDrafter::CachedSequence::CachedSequence(Scorer& draft,
                                                 const Sequence& sequence)
    : draft_(draft),
      id_(draft.is_view()
              ? sequence.target_id
              : draft.create_for(sequence.tokens(), sequence.cache_salt())) {}

FollowingDrafter::CachedSequence::~CachedSequence() {
  if (!draft_.is_view()) draft_.release(id_);
}

FollowingDrafter::FollowingDrafter(Scorer& draft,
                                   std::int64_t target_vocab_size,
                                   std::int64_t prefill_chunk)
    : draft_(draft),
      prefill_chunk_(prefill_chunk),
      shared_vocab_size_(std::min(draft.vocab_size(), target_vocab_size)) {
  assert(prefill_chunk >= 1);
}

FollowingDrafter::FollowingDrafter(std::unique_ptr<Scorer> draft,
                                   std::int64_t target_vocab_size,
                                   std::int64_t prefill_chunk)
    : FollowingDrafter(*draft, target_vocab_size, prefill_chunk) {
  owned_ = std::move(draft);
}

FollowingDrafter::Follower& FollowingDrafter::follow(
    const DraftRequest& request) {
  const Sequence& sequence = *request.sequence;
  Follower& follower = followers_.find_or_make(sequence.key, draft_, sequence);
  // Rows beyond are left of an iteration that threw.
  const SequenceId id = follower.cached.id();
  draft_.truncate(
      id, std::min(draft_.length(id), sequence.size() - 1 - follower.skipped));
  if (request.context > 0) shorten(sequence, request.context, follower);
  return follower;
}

void FollowingDrafter::follow_all(std::span<const DraftRequest> requests) {
  growths_.clear();
  for (const DraftRequest& request : requests) {
    const Follower& follower = follow(request);
    const SequenceId id = follower.cached.id();
    const std::int64_t missing = request.sequence->size() - next(follower);
    const std::int64_t rows =
        request.length == 0
            ? std::min(missing, prefill_chunk_)
            : missing + std::max(request.length, request.tree_size);
    growths_.push_back(
        {id, std::min(rows, draft_.n_positions() - draft_.length(id))});
  }
  has_room_.assign(requests.size(), true);
  if (draft_.make_room(growths_)) return;
  std::vector<KvGrowth> granted;
  for (size_t i = 0; i < growths_.size(); ++i) {
    granted.push_back(growths_[i]);
    has_room_[i] = draft_.make_room(granted);
    if (!has_room_[i]) granted.pop_back();
  }
}

// Starts afresh where there is far more to encode than the context asked for.
void FollowingDrafter::shorten(const Sequence& sequence, std::int64_t context,
                               Follower& follower) {
  assert(context >= kFirstPassRows);
  if (draft_.is_view() || sequence.size() - next(follower) <= 2 * context) {
    return;
  }
  draft_.truncate(follower.cached.id(), 0);
  follower.skipped = sequence.size() - 1 - context;
}

std::int64_t FollowingDrafter::next(const Follower& follower) const {
  return draft_.length(follower.cached.id()) + follower.skipped;
}

// How many tokens can be drafted at the most. The last one drafted takes no
// place in the draft's cache.
std::int64_t FollowingDrafter::reach(const Sequence& sequence,
                                     Follower& follower) const {
  const std::span<const Token> tokens = sequence.tokens();
  while (!follower.lost && follower.known < sequence.size()) {
    follower.lost =
        tokens[static_cast<size_t>(follower.known)] >= draft_.vocab_size();
    if (!follower.lost) ++follower.known;
  }
  if (follower.lost) return 0;
  return std::max<std::int64_t>(
      0, draft_.n_positions() - (sequence.size() - follower.skipped) + 1);
}

// Encodes what the first drafting pass would be too long with, chunk by chunk.
void FollowingDrafter::encode(const Sequence& sequence,
                              const Follower& follower,
                              std::int64_t most_rows) {
  while (most_rows > 0) {
    const std::int64_t ahead = sequence.size() - 1 - next(follower);
    if (ahead < kFirstPassRows) return;
    const std::int64_t rows = std::min({ahead, prefill_chunk_, most_rows});
    const std::span<const Token> missing = sequence.tokens().subspan(
        static_cast<size_t>(next(follower)), static_cast<size_t>(rows));
    tokens_.assign(missing.begin(), missing.end());
    if (draft_.length(follower.cached.id()) == 0) {
      tokens_.front() = sequence.tokens().front();
    }
    batch_.clear();
    batch_.add(follower.cached.id(), tokens_, 0);
    draft_.forward(batch_);
    most_rows -= rows;
  }
}

void FollowingDrafter::encode_ahead(const Sequence& sequence,
                                    const Follower& follower) {
  if (!draft_.is_view()) encode(sequence, follower, prefill_chunk_);
}

std::span<const float> FollowingDrafter::shared(
    std::span<const float> logits) const {
  return logits.first(static_cast<size_t>(shared_vocab_size_));
}

}  // namespace pilotfish
