#ifndef PILOTFISH_SPECULATIVE_LOOP_DECODER_H_
#define PILOTFISH_SPECULATIVE_LOOP_DECODER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/model.h"
#include "pilotfish/scorer.h"
#include "speculative/drafter.h"
#include "speculative/loop/judge.h"
#include "speculative/sequence.h"
#include "speculative/window_policy.h"

namespace pilotfish {

struct DecoderOptions {
  std::int64_t window = 5;           // k of sequences that do not say, or
                                     // kAutoWindow
  std::int64_t prefill_chunk = 512;  // prompt rows in one pass, all sequences
  // The same in a pass in which others are decoded, or as many as those bring.
  std::int64_t mixed_chunk = 12;
  // Of windows that are left open; null: AdaptiveWindow.
  std::shared_ptr<WindowPolicy> policy = nullptr;
};

// The decoding loop, one iteration at a time and for many sequences at once:
// draft, score the drafts in one target pass, keep what survives. Prompts are
// encoded in the same passes, and a prompt's last row yields the first token.
// Not thread-safe; the judge uses the target's threads.
class SpeculativeDecoder {
 public:
  // `target` and `drafter` must outlive the decoder. Throws UsageError for
  // options out of range.
  SpeculativeDecoder(Scorer& target, Drafter& drafter,
                     std::shared_ptr<const TokenAcceptor> acceptor,
                     const DecoderOptions& options = {});

  // Gives the sequence a key and a place in the target's cache, which may hold
  // its first tokens already (Scorer::create_for). Throws UsageError as
  // check_fits does, Error when no place is free.
  void admit(Sequence& sequence);
  // Takes both back, with what the drafter holds of it. No-op if not admitted.
  void retire(Sequence& sequence);

  // The most rows that the next step gives the sequence in the target's cache.
  // Requires: it is admitted.
  KvGrowth most_growth(const Sequence& sequence) const;

  // One iteration for each of the sequences: up to k tokens each, or some rows
  // of a prompt. Requires: all admitted, none finished, none twice.
  // A sequence whose acceptor throws or returns a verdict that breaks its
  // contract, whose logits are NaN, or for which the sampling parameters leave
  // no token, fails (Sequence::failure) without a new token, and the others go
  // on. Throws, with all sequences as they were, where drafting or the target's
  // pass as a whole fails.
  void step(std::span<Sequence* const> sequences);

  const TokenAcceptor& acceptor() const { return judge_.acceptor(); }

 private:
  // A sequence's part in the current iteration.
  struct Part {
    Sequence* sequence;
    std::int64_t cached;  // its tokens in the target's cache before the pass
    std::int64_t rows;    // of its own tokens in the pass
    Draft draft = {};     // further rows
    TokenHistory* history = nullptr;  // to look ahead over the draft
    // Where its rows begin in the output; as PassRows.
    std::int64_t first_logits = -1;
    std::int64_t first_hidden = 0;
    // The logits row of its first own row, where all of those have logits.
    std::int64_t first_scored = -1;
    Case* judged = nullptr;                   // where it emits
    std::optional<std::string> failure = {};  // of its drafter

    // The newest token is among the rows, so that logits come of it.
    bool emits() const { return cached + rows == sequence->size(); }
  };

  std::int64_t window_of(const Sequence& sequence) const {
    return sequence.window().value_or(options_.window);
  }
  TokenHistory& history_of(const Sequence& sequence);

  void plan(std::span<Sequence* const> sequences);
  void recycle_drafts();
  std::optional<DraftRequest> request_for(Part& part, std::int64_t batch);
  bool complete(DraftRequest& request, Part& part);
  void draft();
  ForwardOutput score();
  void add_rows(Part& part);
  void score_prompt(const Part& part, const Logits& logits);
  void judge(const Logits& logits);
  void settle(Part& part, IterationStats& stats);
  std::int64_t take_over(const Part& part);

  Scorer& target_;
  Drafter& drafter_;
  DecoderOptions options_;
  Judge judge_;
  std::vector<bool> slots_;  // which are taken
  // The sequences' tokens once more, to look ahead over drafts.
  PerSequence<TokenHistory> histories_;

  // Scratch of an iteration, kept for its memory.
  std::vector<Part> parts_;
  std::vector<DraftRequest> requests_;
  std::vector<Part*> requested_by_;
  std::vector<Draft> drafts_;        // of the requests, while no part has them
  std::vector<Case> cases_;          // of the parts that emit, in their order
  std::vector<std::int32_t> paths_;  // of the cases
  std::vector<WindowOutcome> outcomes_;
  std::vector<PassRows> passes_;
  std::vector<Token> tokens_;
  std::vector<std::int32_t> tree_;
  Batch batch_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_LOOP_DECODER_H_
