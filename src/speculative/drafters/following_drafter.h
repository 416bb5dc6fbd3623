#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_FOLLOWING_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_FOLLOWING_DRAFTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "pilotfish/model.h"
#include "pilotfish/scorer.h"
#include "speculative/drafter.h"
#include "speculative/drafters/tree_draft.h"

namespace pilotfish {

// What drafters with a model of their own have in common: its cache follows
// each sequence, encodes its prompt and what other drafters or none have added.
// A view of the target (Scorer::is_view) finds the text encoded already.
//
// Vocabularies may differ in size. From a token on that only the target knows
// the draft cannot follow, and proposes nothing more for that sequence;
// likewise past its own n_positions. Where a request lets it make do with a
// shorter context, it keeps the first token, on which models lean (Xiao et al.
// 2023, arXiv 2309.17453), and the latest ones.
class FollowingDrafter : public Drafter {
 public:
  // Gives the sequence's place in the draft's cache back.
  void release(SequenceKey key) final { followers_.erase(key); }

 protected:
  // A sequence of the draft's cache, for as long as this lives.
  class CachedSequence {
   public:
    // Of a view, the target's own; else one for the sequence's text. Throws as
    // Scorer::create does.
    CachedSequence(Scorer& draft, const Sequence& sequence);
    ~CachedSequence();
    CachedSequence(const CachedSequence&) = delete;
    CachedSequence& operator=(const CachedSequence&) = delete;

    SequenceId id() const { return id_; }

   private:
    Scorer& draft_;
    SequenceId id_;
  };

  // What the draft holds of a sequence.
  struct Follower {
    Follower(Scorer& draft, const Sequence& sequence)
        : cached(draft, sequence) {}

    CachedSequence cached;
    std::int64_t skipped = 0;      // tokens after the first, not in the cache
    std::int64_t known = 0;        // leading tokens in the draft's vocabulary
    bool lost = false;             // the next one is not
    Draft proposed;                // and not yet committed
    std::int64_t proposed_at = 0;  // the position of the first of them
    // The row that each token of a proposed tree has in the cache's tree, or
    // -1.
    std::vector<std::int32_t> rows;
    std::vector<TreePlace> places;  // of that tree
    TreeTrust trust;
  };

  // `draft` must outlive the drafter. `prefill_chunk`: rows of context encoded
  // in one pass. Requires: >= 1.
  FollowingDrafter(Scorer& draft, std::int64_t target_vocab_size,
                   std::int64_t prefill_chunk);
  // Owns its draft.
  FollowingDrafter(std::unique_ptr<Scorer> draft,
                   std::int64_t target_vocab_size, std::int64_t prefill_chunk);

  // Brings the follower of a request's sequence up to date: starts afresh where
  // the request allows a shorter context.
  Follower& follow(const DraftRequest& request);
  // Brings the followers of all requests up to date, and finds out which of
  // them the draft's cache has memory for. The others get no draft this time.
  void follow_all(std::span<const DraftRequest> requests);
  bool has_room(std::size_t request) const { return has_room_[request]; }
  // nullptr for a sequence never seen.
  Follower* find(const Sequence& sequence) {
    return followers_.find(sequence.key);
  }
  std::int64_t reach(const Sequence& sequence, Follower& follower) const;
  void encode(const Sequence& sequence, const Follower& follower,
              std::int64_t most_rows);
  // Encodes a part of a text that nothing is drafted for yet.
  void encode_ahead(const Sequence& sequence, const Follower& follower);
  // The index in the sequence of the token that the cache goes on with.
  std::int64_t next(const Follower& follower) const;
  // A row without the tokens that the target does not know: they are taken out
  // before the softmax, so none is ever proposed.
  std::span<const float> shared(std::span<const float> logits) const;
  // Whether both vocabularies have the token.
  bool is_shared(Token token) const { return token < shared_vocab_size_; }

 private:
  std::unique_ptr<Scorer> owned_;

 protected:
  Scorer& draft_;
  Batch batch_;  // scratch

 private:
  void shorten(const Sequence& sequence, std::int64_t context,
               Follower& follower);

  std::int64_t prefill_chunk_;
  std::int64_t shared_vocab_size_;
  PerSequence<Follower> followers_;
  std::vector<Token> tokens_;      // scratch
  std::vector<KvGrowth> growths_;  // scratch: of the requests
  std::vector<bool> has_room_;     // [requests]
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_FOLLOWING_DRAFTER_H_
