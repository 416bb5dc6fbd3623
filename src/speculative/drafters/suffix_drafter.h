#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_SUFFIX_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_SUFFIX_DRAFTER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "speculative/drafter.h"
#include "speculative/drafters/copied_draft.h"
#include "speculative/drafters/suffix_automaton.h"

namespace pilotfish {

// Looks for the longest end of the text that occurred before: in prompt and
// output, where it goes on as it did there, or in a corpus that all sequences
// share, where it goes on as it mostly does there. Deterministic; constant time
// per token, however long the text (compare Oliaro et al. 2024, arXiv
// 2411.04975; Hu et al. 2024, arXiv 2411.10666).
class SuffixDrafter final : public Drafter {
 public:
  static constexpr std::int32_t kShortest = 2;  // a match that is worth a guess

  // `corpus` may be null; its occurrences must have been counted.
  explicit SuffixDrafter(std::shared_ptr<const SuffixAutomaton> corpus);

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;
  void release(SequenceKey key) override { followers_.erase(key); }

 private:
  struct Follower {
    SuffixAutomaton text;  // of the sequence so far
    SuffixAutomaton::Match in_corpus;
  };

  Follower& follow(const Sequence& sequence);
  Draft from_corpus(CopiedDraft&& copy, SuffixAutomaton::Match match) const;

  std::shared_ptr<const SuffixAutomaton> corpus_;
  PerSequence<Follower> followers_;
};

// The automaton of a corpus, ready for a SuffixDrafter. Throws UsageError for
// more than 2^29 tokens.
std::shared_ptr<const SuffixAutomaton> make_corpus(
    std::span<const Token> tokens);

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_SUFFIX_DRAFTER_H_
