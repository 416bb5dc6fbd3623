#ifndef PILOTFISH_SPECULATIVE_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/model.h"
#include "sampling/logits_fault.h"
#include "speculative/draft_guide.h"
#include "speculative/sequence.h"

namespace pilotfish {

struct DraftRequest {
  const Sequence* sequence;
  // The most tokens to propose. 0 while the prompt is being encoded: a drafter
  // with a cache of its own uses the time to encode it too.
  std::int64_t length;
  // The sequence's tokens once more, and how often each occurs. A drafter may
  // push drafted tokens onto it and takes them back (HistoryRollback). One that
  // does not look ahead can do without it.
  TokenHistory* history = nullptr;
  DraftNoise noise = DraftNoise::kOwn;  // to sample with
  // The most tokens of a tree, of which none is deeper than `length`.
  std::int64_t tree_size = 0;
  // The most tokens of a tree that may compete for a place; 1: a chain is
  // wanted.
  std::int64_t tree_width = std::numeric_limits<std::int64_t>::max();
  // Asked before each further token, by drafters that sample; null: up to
  // `length`.
  DraftGuide* guide = nullptr;
  // Where a drafter with a cache of its own lags behind by more than twice
  // this, it starts afresh with the latest so many tokens; 0: it encodes all it
  // missed. A shorter context makes poorer guesses, and nothing else.
  std::int64_t context = 0;
  // Whether what the sequence's rule leaves no choice of goes into the draft
  // too: a copying drafter begins with it, one that samples takes it in ahead.
  bool takes_forced = false;
  // Where the drafter says, once, why the sequence cannot go on: a draft model
  // whose logits are NaN. May be null.
  std::optional<std::string>* failure = nullptr;
  static constexpr std::int64_t kShortContext = 32;
};

// Says in `request.failure` that a row of the draft model's logits, which was
// to give the token at `position`, is at fault. Does nothing where only the
// sampling parameters leave no token: then the draft just ends.
void report_fault(const DraftRequest& request, std::int64_t position,
                  const RowFault& fault);

// What the rule of a text leaves no choice of next, cut into at most `most`
// tokens: none without a rule. `state`: where the rule stands behind `text`,
// the tokens generated and drafted so far.
std::vector<Token> forced_next(const TokenRule* rule,
                               const TokenRule::State& state,
                               std::span<const Token> text, std::int64_t most);

// Draws the token that a draft goes on with, from q. `place` is the number of
// tokens drafted before it. The request's history ends with those.
Token draw_drafted(const Distribution& q, const DraftRequest& request,
                   std::size_t place);

// The same for the `branch`-th token that a tree has at a place; `position` is
// that of the token. Siblings are drawn one after another, each from what those
// before it leave of q.
Token draw_branch(const Distribution& q, const DraftRequest& request,
                  std::uint64_t position, std::size_t place,
                  std::size_t branch);

// What the target gave in a pass, valid until its next one.
class PassOutput {
 public:
  // `layers`: those whose hidden rows the pass was asked for, ascending.
  PassOutput(const ForwardOutput& output, std::span<const std::int64_t> layers)
      : output_(output), layers_(layers) {}

  std::span<const float> logits(std::int64_t row) const {
    return output_.logits.row(row);
  }
  // Of a layer by its number, as Batch::want_hidden counts them. Requires: it
  // is one of Drafter::hidden_layers().
  std::span<const float> hidden(std::int64_t layer, std::int64_t row) const;

 private:
  const ForwardOutput& output_;
  std::span<const std::int64_t> layers_;
};

// What one sequence had in a pass of the target: a row for each of some tokens
// of its own (many while a prompt is encoded, later the newest alone) and,
// behind them, one for each drafted token. The verdict kept a path of these;
// the rows of the others mean nothing any more.
struct PassRows {
  const Sequence* sequence;  // as it is after the verdict
  std::int64_t first;        // the index in it of the first row's token
  std::int64_t own;          // rows of its own tokens
  // The drafted tokens that were kept: indices in the draft, from the first
  // place down.
  std::span<const std::int32_t> kept;
  std::int64_t first_hidden;  // the output's hidden row of the first row
  // The output's logits row of the last own token, with those of the drafted
  // ones behind it; -1: the rows are of a prompt whose end is still to come.
  std::int64_t first_logits;

  // Rows whose tokens are now a part of the sequence, those of the indices
  // `first` to `first + rows() - 1`.
  std::int64_t rows() const { return own + std::ssize(kept); }
  // Where the hidden row of the i-th of them lies in the output.
  std::int64_t hidden_row(std::int64_t i) const {
    return first_hidden + (i < own ? i : own + drafted(i));
  }
  // Where its logits lie; -1: there are none.
  std::int64_t logits_row(std::int64_t i) const {
    if (first_logits < 0 || i < own - 1) return -1;
    return first_logits + (i < own ? 0 : 1 + drafted(i));
  }

 private:
  std::int64_t drafted(std::int64_t i) const {
    return kept[static_cast<std::size_t>(i - own)];
  }
};

// Guesses how sequences go on. What it guesses changes the speed, never the
// text: the acceptor sees to that as long as `Draft::probs` is honest.
// It knows a sequence by its key. Not thread-safe.
class Drafter {
 public:
  virtual ~Drafter() = default;

  // One draft per request, of at most `length` tokens, or a tree, in the order
  // of the requests. Tokens lie in the target's vocabulary. One that samples
  // does so with draw_drafted.
  virtual std::vector<Draft> propose(
      std::span<const DraftRequest> requests) = 0;

  // Takes back what it proposed once nobody needs it, for the memory of later
  // drafts.
  virtual void recycle(std::vector<Draft>&& /*drafts*/) {}

  // The layers of the target whose hidden rows it drafts from, ascending, as
  // Batch::want_hidden counts them. Always the same.
  virtual std::span<const std::int64_t> hidden_layers() const { return {}; }

  // After each pass: what it gave the sequences that may be drafted for,
  // chunks of prompts included. The rows of a sequence come in the order of its
  // tokens and, where it was admitted with an empty cache, without gaps; a
  // target that went back further than it was asked to gives some again, the
  // same bits. Must not throw.
  virtual void commit(std::span<const PassRows> /*passes*/,
                      const PassOutput& /*output*/) {}

  // The sequence has left the decoder: memory and cache room that it takes can
  // be given back at once. Nothing else depends on this call, since the next
  // sequence in the slot has another key.
  virtual void release(SequenceKey /*key*/) {}

  // How many ways of drafting it has that a guide tells apart: drafters in one.
  virtual std::size_t sources() const { return 1; }

  // Whether it guesses nothing but what a rule leaves no choice of, which other
  // drafters can take in (DraftRequest::takes_forced).
  virtual bool is_forced() const { return false; }
};

// Proposes nothing: plain decoding is speculation with an empty draft.
class NoDrafter final : public Drafter {
 public:
  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    return std::vector<Draft>(requests.size());
  }
  std::size_t sources() const override { return 0; }
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTER_H_
