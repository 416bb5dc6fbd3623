#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_MODEL_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_MODEL_DRAFTER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sampling/processors.h"
#include "speculative/drafters/draft_pool.h"
#include "speculative/drafters/following_drafter.h"
#include "speculative/drafters/sampled_draft.h"

namespace pilotfish {

// Drafts with a smaller model, token by token, all sequences in one pass a
// step. The sequence's own processors apply to the draft's logits, so q is what
// the target's p will look like.
//
// Where a rule leaves no choice of what is written, a pass takes it in ahead,
// cut into tokens in the usual way, and gives the rows behind each: as long as
// the tokens that are drawn from these are the ones taken in, they need no
// passes of their own. So the draft is the same as without.
class ModelDrafter final : public FollowingDrafter {
 public:
  ModelDrafter(Scorer& draft, std::int64_t target_vocab_size,
               std::int64_t prefill_chunk = 512)
      : FollowingDrafter(draft, target_vocab_size, prefill_chunk) {}
  ModelDrafter(std::unique_ptr<Scorer> draft, std::int64_t target_vocab_size,
               std::int64_t prefill_chunk = 512)
      : FollowingDrafter(std::move(draft), target_vocab_size, prefill_chunk) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;
  void recycle(std::vector<Draft>&& drafts) override {
    pool_.recycle(std::move(drafts), processor_);
  }
  void commit(std::span<const PassRows> passes,
              const PassOutput& output) override;

 private:
  // A sequence that is drafted for in this call.
  struct Runner {
    const Follower* follower;
    SampledDraft draft;
    std::vector<Token> ahead = {};  // taken in ahead by the current pass
  };

  void run();
  void add_rows(Runner& runner);
  bool extend(Runner& runner, const Logits& logits, std::int64_t row);
  void take_back_rejected(const Sequence& sequence);

  LogitsProcessor processor_;
  DraftPool pool_;

  // Scratch, kept for its memory.
  std::vector<Runner> runners_;
  std::vector<Runner*> running_;
  std::vector<Token> tokens_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_MODEL_DRAFTER_H_
