#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_NGRAM_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_NGRAM_DRAFTER_H_

#include <span>
#include <vector>

#include "speculative/drafter.h"

namespace pilotfish {

// Prompt lookup (Saxena 2023): the latest place in prompt or output where the
// last few tokens occurred before, and what followed them there. Deterministic,
// keeps nothing, and looks through the whole text each time: for texts of some
// ten thousand tokens. SuffixDrafter looks further back in less time.
class NgramDrafter final : public Drafter {
 public:
  static constexpr std::int64_t kLongest = 4;   // tokens that are looked for
  static constexpr std::int64_t kShortest = 2;  // fewer are no reason to guess

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;

 private:
  std::vector<Token> text_;  // scratch
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_NGRAM_DRAFTER_H_
