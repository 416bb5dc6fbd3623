#ifndef PILOTFISH_SPECULATIVE_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/acceptor.h"
#include "speculative/draft_guide.h"
#include "speculative/sequence.h"

namespace pilotfish {

struct DraftRequest {
  Sequence* sequence;
  // The most tokens to propose. 0 while the prompt is being encoded: a drafter
  // with a cache of its own uses the time to encode it too.
  std::int64_t length;
  DraftNoise noise = DraftNoise::kOwn;  // to sample with
  // The most tokens of a tree, of which none is deeper than `length`.
  std::int64_t tree_size = 0;
  // Asked before each further token, by drafters that sample; null: up to
  // `length`.
  DraftGuide* guide = nullptr;
  // Where a drafter with a cache of its own lags behind by more than twice
  // this, it starts afresh with the latest so many tokens; 0: it encodes all it
  // missed. A shorter context makes poorer guesses, and nothing else.
  std::int64_t context = 0;
  static constexpr std::int64_t kShortContext = 32;
};

// Draws the token that a draft goes on with, from q. `place` is the number of
// tokens drafted before it. The history ends with those.
Token draw_drafted(const Distribution& q, const DraftRequest& request,
                   std::size_t place);

// The same for the `branch`-th token that a tree has at a place; `position` is
// that of the token. Siblings are drawn one after another, each from what those
// before it leave of q.
Token draw_branch(const Distribution& q, const DraftRequest& request,
                  std::uint64_t position, std::size_t place,
                  std::size_t branch);

// Guesses how sequences go on. What it guesses changes the speed, never the
// text: the acceptor sees to that as long as `Draft::probs` is honest.
// Not thread-safe.
class Drafter {
 public:
  virtual ~Drafter() = default;

  // One draft a request, of at most `length` tokens, or a tree, in the order of
  // the requests. Tokens lie in the target's vocabulary. Leaves each sequence
  // as it was; its history may be pushed and rolled back meanwhile. One that
  // samples does so with draw_drafted.
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

  // How many ways of drafting it has that a guide tells apart: drafters in one.
  virtual std::size_t sources() const { return 1; }
};

// Proposes nothing: plain decoding is speculation with an empty draft.
class NoDrafter final : public Drafter {
 public:
  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    return std::vector<Draft>(requests.size());
  }
  void commit(const Sequence&) override {}
  void forget(const Sequence&) override {}
  std::size_t sources() const override { return 0; }
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTER_H_
