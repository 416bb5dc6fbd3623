#ifndef PILOTFISH_SPECULATIVE_FOLLOWING_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_FOLLOWING_DRAFTER_H_

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "pilotfish/model.h"
#include "speculative/drafter.h"
#include "speculative/scorer.h"

namespace pilotfish {

// What drafters with a model of their own have in common: its cache follows
// each sequence, encodes its prompt and what other drafters or none have added.
//
// Vocabularies may differ in size. From a token on that only the target knows
// the draft cannot follow, and proposes nothing more for that sequence;
// likewise past its own n_positions.
class FollowingDrafter : public Drafter {
 public:
  void forget(const Sequence& sequence) final;

 protected:
  // What the draft holds of a sequence.
  struct Follower {
    SequenceId id = -1;
    std::int64_t known = 0;        // leading tokens in the draft's vocabulary
    bool lost = false;             // the next one is not
    Draft proposed;                // and not yet committed
    std::int64_t proposed_at = 0;  // the position of the first of them
    // Of a tree proposed: the row each token has in the cache's tree; -1: none.
    std::vector<std::int32_t> rows;
  };

  // `draft` must outlive the drafter. `prefill_chunk`: rows of context encoded
  // in one pass. Requires: >= 1.
  FollowingDrafter(Scorer& draft, std::int64_t target_vocab_size,
                   std::int64_t prefill_chunk);

  Follower& follow(const Sequence& sequence);
  // nullptr for a sequence never seen.
  Follower* find(const Sequence& sequence);
  std::int64_t reach(const Sequence& sequence, Follower& follower) const;
  void encode(const Sequence& sequence, SequenceId id, std::int64_t most_rows);
  // A row without the tokens that the target does not know: they are taken out
  // before the softmax, so none is ever proposed.
  std::span<const float> shared(std::span<const float> logits) const;

  Scorer& draft_;
  std::int64_t prefill_chunk_;
  Batch batch_;  // scratch

 private:
  std::int64_t shared_vocab_size_;
  std::unordered_map<const Sequence*, Follower> followers_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_FOLLOWING_DRAFTER_H_
