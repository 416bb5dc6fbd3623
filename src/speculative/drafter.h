#ifndef PILOTFISH_SPECULATIVE_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/acceptor.h"
#include "speculative/sequence.h"

namespace pilotfish {

struct DraftRequest {
  Sequence* sequence;
  // The most tokens to propose. 0 while the prompt is being encoded: a drafter
  // with a cache of its own uses the time to encode it too.
  std::int64_t length;
};

// Guesses how sequences go on. What it guesses changes the speed, never the
// text: the acceptor sees to that as long as `Draft::probs` is honest.
// Not thread-safe.
class Drafter {
 public:
  virtual ~Drafter() = default;

  // One draft a request, of at most `length` tokens, in the order of the
  // requests. Tokens lie in the target's vocabulary. Leaves each sequence as it
  // was; its history may be pushed and rolled back meanwhile.
  // Draws with RandomRole::kDraft at the position of the drafted token, with
  // its place in the draft as index: what is drafted there again, in a later
  // window, is then independent of what a verdict has seen and thrown away.
  virtual std::vector<Draft> propose(
      std::span<const DraftRequest> requests) = 0;

  // The sequence has grown by what survived of the latest draft and one more
  // token.
  virtual void commit(const Sequence& sequence) = 0;

  // The sequence will not be seen again. No-op for one never seen.
  virtual void forget(const Sequence& sequence) = 0;
};

// Proposes nothing: plain decoding is speculation with an empty draft.
class NoDrafter final : public Drafter {
 public:
  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    return std::vector<Draft>(requests.size());
  }
  void commit(const Sequence&) override {}
  void forget(const Sequence&) override {}
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTER_H_
