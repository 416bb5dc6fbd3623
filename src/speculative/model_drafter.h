#ifndef PILOTFISH_SPECULATIVE_MODEL_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_MODEL_DRAFTER_H_

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "pilotfish/model.h"
#include "sampling/processors.h"
#include "speculative/drafter.h"
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
  void commit(const Sequence& sequence) override;
  void forget(const Sequence& sequence) override;

 private:
  struct Follower {
    SequenceId id = -1;
    // The first tokens.size() - checked ones are known to be in the draft's
    // vocabulary.
    std::int64_t checked = 0;
    bool lost = false;             // met a token the draft does not know
    std::vector<Token> proposed;   // by the latest draft
    std::int64_t proposed_at = 0;  // the position of the first of them
  };
  // A sequence that is being drafted for in this call.
  struct Runner {
    Sequence* sequence;
    Follower* follower;
    Draft* draft;
    std::int64_t length;
  };

  Follower& follow(const Sequence& sequence);
  std::int64_t reachable(const Sequence& sequence, Follower& follower,
                         std::int64_t length);
  void encode(const Sequence& sequence, const Follower& follower,
              std::int64_t rows_kept_back, std::int64_t most_rows);
  bool extend(Runner& runner, std::span<const float> logits);

  Scorer& draft_;
  std::int64_t shared_vocab_size_;
  std::int64_t prefill_chunk_;
  LogitsProcessor processor_;
  std::unordered_map<const Sequence*, Follower> followers_;

  std::vector<Runner> runners_;  // scratch of a call
  Batch batch_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_MODEL_DRAFTER_H_
