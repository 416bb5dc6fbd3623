#ifndef PILOTFISH_SPECULATIVE_WINDOW_POLICY_H_
#define PILOTFISH_SPECULATIVE_WINDOW_POLICY_H_

#include <cstdint>
#include <span>

#include "speculative/draft_guide.h"
#include "speculative/sequence.h"

namespace pilotfish {

// What an iteration brought one sequence that emitted.
struct WindowOutcome {
  SequenceKey sequence;
  std::int64_t drafted;
  std::int64_t places;  // that tokens were drafted for: fewer in a tree
  std::int64_t accepted;
};

struct IterationOutcome {
  std::span<const WindowOutcome> windows;
  double draft_seconds;
  double target_seconds;  // all the rest of the iteration
  bool encodes;           // rows of prompts were in the pass: times say little
};

// Chooses the windows of sequences that leave theirs open. It knows a sequence
// by its key, and must keep no more states than there are slots (PerSequence).
// Not thread-safe.
class WindowPolicy {
 public:
  virtual ~WindowPolicy() = default;

  // For the sequence's next window, in an iteration in which `batch` sequences
  // emit. All sequences of an iteration are planned before a guide is asked.
  // Valid until the policy is asked or told of the sequence again.
  virtual DraftGuide& plan(const Sequence& sequence, std::int64_t batch) = 0;

  // Whether drafters shall encode the sequence's prompt, in an iteration of
  // `batch` sequences: not where no draft is expected to pay. Asked for each
  // chunk of a prompt, before the first `plan`.
  virtual bool follows_prompt(const Sequence& /*sequence*/,
                              std::int64_t /*batch*/) {
    return true;
  }

  // How an iteration went, also of sequences whose window is fixed.
  virtual void observe(const IterationOutcome& iteration) = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_POLICY_H_
