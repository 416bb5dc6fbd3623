#ifndef PILOTFISH_SPECULATIVE_DECODER_H_
#define PILOTFISH_SPECULATIVE_DECODER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/model.h"
#include "pilotfish/scorer.h"
#include "sampling/processors.h"
#include "speculative/drafter.h"
#include "speculative/sequence.h"
#include "speculative/window_policy.h"

namespace pilotfish {

struct DecoderOptions {
  std::int64_t window = 5;           // k of sequences that do not say, or
                                     // kAutoWindow
  std::int64_t prefill_chunk = 512;  // prompt rows in one pass, all sequences
  // Of windows that are left open; null: AdaptiveWindow.
  std::shared_ptr<WindowPolicy> policy = nullptr;
};

// The decoding loop, one iteration at a time and for many sequences at once:
// draft, score the drafts in one target pass, keep what survives. Prompts are
// encoded in the same passes, and a prompt's last row yields the first token.
// Not thread-safe.
class SpeculativeDecoder {
 public:
  // `target` and `drafter` must outlive the decoder. Throws UsageError for
  // options out of range.
  SpeculativeDecoder(Scorer& target, Drafter& drafter,
                     std::shared_ptr<const TokenAcceptor> acceptor,
                     const DecoderOptions& options = {});

  // Gives the sequence a place in the target's cache. Throws UsageError where
  // the prompt leaves no room for a token (prompt_size() >= n_positions) or has
  // tokens out of range, Error when no place is free.
  void admit(Sequence& sequence);
  // Frees what target and drafter hold of it. No-op if not admitted.
  void retire(Sequence& sequence);

  // One iteration for each of the sequences: up to k tokens each, or some rows
  // of a prompt. Requires: all admitted, none finished, none twice.
  // Throws Error, with all sequences as they were, for a verdict that breaks
  // the acceptor's contract.
  void step(std::span<Sequence* const> sequences);

  const TokenAcceptor& acceptor() const { return *acceptor_; }

 private:
  // A sequence's part in the current iteration.
  struct Part {
    Sequence* sequence;
    std::int64_t cached;  // its tokens in the target's cache before the pass
    std::int64_t rows;    // of its own tokens in the pass
    Draft draft;          // further rows
    Verdict verdict;
    size_t path = 0;  // in paths_, where its accepted tokens' indices begin
    std::vector<TokenLogprobs> logprobs = {};  // of the verdict's tokens
    std::vector<Proposal> proposals = {};      // where the sequence keeps them

    // The newest token is among the rows, so that logits come of it.
    bool emits() const { return cached + rows == sequence->size(); }
  };

  void plan(std::span<Sequence* const> sequences);
  void recycle_drafts();
  std::optional<DraftRequest> request_for(const Part& part, std::int64_t batch);
  void draft();
  Logits score();
  void judge(Part& part, const Logits& logits, std::int64_t first_row);
  void check(Part& part);
  void follow_path(Part& part);
  std::span<const std::int32_t> path_of(const Part& part) const;
  void note_logprobs(Part& part, const Logits& logits, std::int64_t first_row);
  std::int64_t take_over(Part& part);

  Scorer& target_;
  Drafter& drafter_;
  std::shared_ptr<const TokenAcceptor> acceptor_;
  DecoderOptions options_;
  LogitsProcessor processor_;

  // Scratch of an iteration, kept for its memory.
  std::vector<Part> parts_;
  std::vector<DraftRequest> requests_;
  std::vector<Part*> requested_by_;
  std::vector<WindowOutcome> outcomes_;
  std::vector<Draft> drafts_;  // of the requests, while no part has them
  std::vector<Distribution> rows_;
  std::vector<Token> tokens_;
  std::vector<std::int32_t> tree_;
  std::vector<std::int32_t> paths_;  // of accepted tokens in the parts' drafts
  Batch batch_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DECODER_H_
