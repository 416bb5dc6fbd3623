#ifndef PILOTFISH_SPECULATIVE_LOOP_JUDGE_H_
#define PILOTFISH_SPECULATIVE_LOOP_JUDGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/distribution.h"
#include "pilotfish/iteration.h"
#include "pilotfish/model.h"
#include "pilotfish/threads.h"
#include "sampling/processors.h"
#include "speculative/sequence.h"

namespace pilotfish {

// One sequence whose newest token and draft were in the target's pass, and what
// the judge says of it.
struct Case {
  const Sequence* sequence;
  const Draft* draft;
  // To look ahead over the draft; left as it was. Not needed for an empty one.
  TokenHistory* history;
  // The logits row of the newest token; those of the draft are behind it.
  std::int64_t first_row;
  // Room for [draft->size()]; afterwards the indices in the draft of the tokens
  // that the verdict accepts, from the first place down.
  std::span<std::int32_t> path;

  std::optional<SequenceFailure> failure = {};  // why there is no verdict
  // The acceptor's, cut before the first token of a row at fault: then all of
  // its tokens are accepted ones.
  Verdict verdict = {};
  // Of the verdict's tokens, where the sequence wants them.
  std::vector<TokenLogprobs> logprobs = {};
  std::vector<Proposal> proposals = {};  // where the sequence keeps them
};

// Turns the target's logits into distributions and asks the acceptor for
// verdicts. Not thread-safe, but uses a team of threads where that pays: each
// case is one thread's, and what comes of it does not depend on whose.
class Judge {
 public:
  // `threads` may be null, and must otherwise outlive the judge.
  Judge(std::shared_ptr<const TokenAcceptor> acceptor, std::int64_t vocab_size,
        ThreadTeam* threads);

  const TokenAcceptor& acceptor() const { return *acceptor_; }
  const TokenAcceptor& acceptor_of(const Sequence& sequence) const {
    return sequence.acceptor() != nullptr ? *sequence.acceptor() : *acceptor_;
  }

  // Judges each case. One whose acceptor throws or breaks its contract has a
  // failure afterwards, and the others are none the wiser.
  void judge(std::span<Case> cases, const Logits& logits);

 private:
  // Memory of one thread.
  struct Scratch {
    LogitsProcessor processor;
    std::vector<Distribution> rows;
    std::vector<std::pair<std::int64_t, RowFault>> faults;  // of rows, by index
  };

  bool shares_work(std::span<const Case> cases, const Logits& logits) const;
  void judge_one(Case& it, const Logits& logits, Scratch& scratch) const;
  void process(const Case& it, const Logits& logits, Scratch& scratch) const;
  Verdict verdict(const Case& it, const Scratch& scratch) const;
  void check(const Case& it) const;
  void follow_path(Case& it) const;
  void end_at_fault(Case& it, const Scratch& scratch) const;
  void check_rule(const Case& it) const;

  std::shared_ptr<const TokenAcceptor> acceptor_;
  std::int64_t vocab_size_;
  ThreadTeam* threads_;
  std::vector<Scratch> scratch_;  // [threads]
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_LOOP_JUDGE_H_
