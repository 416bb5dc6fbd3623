#ifndef PILOTFISH_SPECULATIVE_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTER_H_

#include <cstddef>
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
  DraftNoise noise = DraftNoise::kOwn;  // to sample with
};

// Draws the token that a draft goes on with, from q. `place` is the number of
// tokens drafted before it. The history ends with those.
Token draw_drafted(const Distribution& q, const DraftRequest& request,
                   std::size_t place);

// Guesses how sequences go on. What it guesses changes the speed, never the
// text: the acceptor sees to that as long as `Draft::probs` is honest.
// Not thread-safe.
class Drafter {
 public:
  virtual ~Drafter() = default;

  // One draft a request, of at most `length` tokens, in the order of the
  // requests. Tokens lie in the target's vocabulary. Leaves each sequence as it
  // was; its history may be pushed and rolled back meanwhile.
  // One that samples does so with draw_drafted.
  virtual std::vector<Draft> propose(
      std::span<const DraftRequest> requests) = 0;

  // Takes back what it proposed once nobody needs it, for the memory of later
  // drafts.
  virtual void recycle(std::vector<Draft>&& /*drafts*/) {}

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
