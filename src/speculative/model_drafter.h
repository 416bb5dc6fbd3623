#ifndef PILOTFISH_SPECULATIVE_MODEL_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_MODEL_DRAFTER_H_

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pilotfish/model.h"
#include "sampling/processors.h"
#include "speculative/draft_pool.h"
#include "speculative/drafter.h"
#include "speculative/sampled_draft.h"
#include "speculative/scorer.h"

namespace pilotfish {

// Drafts with a smaller model, token by token, all sequences in one pass a
// step. The sequence's own processors apply to the draft's logits, so q is what
// the target's p will look like.
//
// Vocabularies may differ in size. A token that only the draft knows is taken
// out before the softmax, so it is never proposed. From a token on that only
// the target knows the draft cannot follow, and proposes nothing more for that
// sequence; likewise past its own n_positions.
class ModelDrafter final : public Drafter {
 public:
  // `draft` must outlive the drafter. `prefill_chunk`: rows of context encoded
  // in one pass. Requires: >= 1.
  ModelDrafter(Scorer& draft, std::int64_t target_vocab_size,
               std::int64_t prefill_chunk = 512);

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;
  void recycle(std::vector<Draft>&& drafts) override {
    pool_.recycle(std::move(drafts), processor_);
  }
  void commit(const Sequence& sequence) override;
  void forget(const Sequence& sequence) override;

 private:
  // What the draft holds of a sequence.
  struct Follower {
    SequenceId id = -1;
    std::int64_t known = 0;        // leading tokens in the draft's vocabulary
    bool lost = false;             // the next one is not
    std::vector<Token> proposed;   // and not yet committed
    std::int64_t proposed_at = 0;  // the position of the first of them
  };
  // A sequence that is drafted for in this call.
  struct Runner {
    SequenceId id;
    SampledDraft draft;
  };

  Follower& follow(const Sequence& sequence);
  std::int64_t reach(const Sequence& sequence, Follower& follower) const;
  void encode(const Sequence& sequence, SequenceId id, std::int64_t most_rows);
  void run();

  Scorer& draft_;
  std::int64_t shared_vocab_size_;
  std::int64_t prefill_chunk_;
  LogitsProcessor processor_;
  DraftPool pool_;
  std::unordered_map<const Sequence*, Follower> followers_;

  // Scratch, kept for its memory.
  std::vector<Runner> runners_;
  std::vector<Runner*> running_;
  Batch batch_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_MODEL_DRAFTER_H_
