#ifndef PILOTFISH_SPECULATIVE_DRAFT_GUIDE_H_
#define PILOTFISH_SPECULATIVE_DRAFT_GUIDE_H_

#include <cstddef>
#include <cstdint>

namespace pilotfish {

// What a window policy tells drafters while they draft one sequence's next
// window. What it answers may depend on times, on earlier verdicts and on the
// tokens drafted so far, but never on random numbers still to be used: a draft
// that ends where the next token would be rejected is not honest.
class DraftGuide {
 public:
  virtual ~DraftGuide() = default;

  // The most tokens any source may propose.
  virtual std::int64_t most() = 0;

  // The most tokens that this source may propose now, of the drafter's
  // sources(); 0: it is left out. The source that was asked for last is the one
  // that drafts; where nobody asks it is source 0.
  virtual std::int64_t ask(std::size_t source) = 0;

  // Is told that a token was drafted, which the drafter gave the probability
  // `confidence`.
  virtual void drafted(double confidence) = 0;

  // Whether another token is worth its cost. Asked once all sequences that had
  // a row in a drafting pass were told of their tokens: they share the cost of
  // the next one. Those drafted stay in the draft either way: to take one back
  // because of what it is would bias the text.
  virtual bool another_pays() = 0;

  // Drafters of trees ask beforehand: returns whether one more token is worth
  // its cost, where the tree has `drafted` tokens and the further one would be
  // accepted with this likelihood.
  virtual bool worth(std::int64_t drafted, double likelihood) = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFT_GUIDE_H_
