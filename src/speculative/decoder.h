#ifndef PILOTFISH_SPECULATIVE_DECODER_H_
#define PILOTFISH_SPECULATIVE_DECODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/model.h"
#include "sampling/processors.h"
#include "speculative/drafter.h"
#include "speculative/scorer.h"
#include "speculative/sequence.h"
#include "speculative/window.h"

namespace pilotfish {

struct DecoderOptions {
  std::int64_t window = 5;           // k of sequences that do not say
  std::int64_t prefill_chunk = 512;  // prompt rows in one pass, all sequences
};

// The decoding loop, one iteration at a time and for many sequences at once:
// draft, score the drafts in one target pass, keep what survives. Prompts are
// encoded in the same passes, and a prompt's last row yields the first token.
// Not thread-safe.
class SpeculativeDecoder {
 public:
  // `target` and `drafter` must outlive the decoder. Throws UsageError for
  // options below 1.
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
    std::int64_t rows = 0;  // of the pass, drafted ones included
    std::int64_t drafted = 0;
    std::int64_t first_logits = 0;  // row of the pass's logits
    bool emits = false;             // its newest token is in this pass
    Verdict verdict;
  };

  std::int64_t draft_length(const Sequence& sequence) const;
  void plan(std::span<Sequence* const> sequences);
  void lay_out_batch();
  void judge(Part& part, const Draft& draft, const Logits& logits);
  void check(const Draft& draft, const Verdict& verdict) const;

  Scorer& target_;
  Drafter& drafter_;
  std::shared_ptr<const TokenAcceptor> acceptor_;
  WindowPolicy window_;
  DecoderOptions options_;
  LogitsProcessor processor_;

  // Scratch of an iteration, kept for its memory.
  std::vector<Part> parts_;
  std::vector<DraftRequest> requests_;
  std::vector<Draft> drafts_;
  std::vector<Distribution> rows_;
  std::vector<Token> tokens_;
  Batch batch_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DECODER_H_
