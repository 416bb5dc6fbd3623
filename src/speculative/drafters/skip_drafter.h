#ifndef PILOTFISH_SPECULATIVE_SKIP_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_SKIP_DRAFTER_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "pilotfish/scorer.h"
#include "sampling/processors.h"
#include "speculative/drafter.h"
#include "speculative/drafters/draft_pool.h"
#include "speculative/drafters/sampled_draft.h"

namespace pilotfish {

// The target drafts for itself with its first layers, then the final norm and
// output (compare Zhang et al. 2023, arXiv 2309.08168; Elhoushi et al. 2024,
// arXiv 2404.16710). It takes no memory: the weights are the target's, and so
// is the cache, whose first layers hold the text already. Drafted rows are
// written there and taken back before the target's own pass, which writes all
// layers.
class SkipDrafter final : public Drafter {
 public:
  // `target` must outlive the drafter. Throws UsageError unless 1 <= layers <
  // the model's.
  SkipDrafter(ModelScorer& target, std::int64_t layers);

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;
  void recycle(std::vector<Draft>&& drafts) override {
    pool_.recycle(std::move(drafts), processor_);
  }
  void commit(const Sequence&) override {}
  void forget(const Sequence&) override {}

 private:
  void run();

  ModelScorer& target_;
  std::int64_t layers_;
  LogitsProcessor processor_;
  DraftPool pool_;

  // Scratch, kept for its memory.
  std::vector<SampledDraft> drafts_;
  std::vector<SampledDraft*> running_;
  std::vector<std::int64_t> cached_;
  Batch batch_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_SKIP_DRAFTER_H_
