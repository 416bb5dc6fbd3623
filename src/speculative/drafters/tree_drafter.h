#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_TREE_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_TREE_DRAFTER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sampling/processors.h"
#include "speculative/drafters/following_drafter.h"
#include "speculative/drafters/tree_draft.h"

namespace pilotfish {

// Drafts trees with a smaller model, as TreeDraft grows them; one that does not
// branch is a tree too, of one path. Rows that a pass takes in branch off in
// its cache as well; the path that is accepted is kept.
class TreeDrafter final : public FollowingDrafter {
 public:
  // `width`: the most tokens that compete for a place. Throws UsageError below
  // 1.
  TreeDrafter(Scorer& draft, std::int64_t target_vocab_size, std::int64_t width,
              std::int64_t prefill_chunk = 512);
  TreeDrafter(std::unique_ptr<Scorer> draft, std::int64_t target_vocab_size,
              std::int64_t width, std::int64_t prefill_chunk = 512);

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;
  void commit(std::span<const PassRows> passes,
              const PassOutput& output) override;

 private:
  // A sequence that is drafted for in this call.
  struct Runner {
    const Follower* follower;
    TreeDraft draft;
    std::vector<std::int32_t> rows = {};  // as Follower::rows
    std::int32_t next_row = 0;
  };

  void keep_accepted(const Sequence& sequence);
  static bool learn(const Draft& draft, std::int32_t parent, Token token,
                    bool accepted, Follower& follower);
  void run(std::span<Runner> runners);
  void add_rows(Runner& runner);

  std::int64_t width_;
  LogitsProcessor processor_;
  std::vector<Token> tokens_;          // scratch
  std::vector<std::int32_t> parents_;  // scratch
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_TREE_DRAFTER_H_
