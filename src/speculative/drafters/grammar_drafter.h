#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_GRAMMAR_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_GRAMMAR_DRAFTER_H_

#include <span>
#include <vector>

#include "speculative/drafter.h"

namespace pilotfish {

// Drafts what a sequence's rule leaves no choice of: the keys and brackets of a
// schema, and an end token where nothing else can come. That it can be cut into
// tokens in another way makes it a guess. Deterministic; proposes nothing for a
// sequence without a rule.
class GrammarDrafter final : public Drafter {
 public:
  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;
  bool is_forced() const override { return true; }
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_GRAMMAR_DRAFTER_H_
