#ifndef PILOTFISH_ENGINE_JOB_H_
#define PILOTFISH_ENGINE_JOB_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/stop_filter.h"
#include "pilotfish/engine.h"
#include "sampling/token_rule.h"
#include "speculative/sequence.h"

namespace pilotfish {

// One request on its way: its sequence, and how much of it has become text and
// been handed to the caller. Does not move.
class Job {
 public:
  using Clock = std::chrono::steady_clock;

  // `tokenizer` may be null; else it must outlive the job. `model_ends` are the
  // model's own end tokens. Throws UsageError as Sequence does.
  // `sources`, `rule`: as SequenceOptions.
  Job(RequestId id, Request request, std::uint32_t sources,
      std::shared_ptr<const TokenRule> rule, std::span<const Token> model_ends,
      const Tokenizer* tokenizer, OnPiece on_piece);

  RequestId id() const { return id_; }
  Sequence& sequence() { return sequence_; }
  const Sequence& sequence() const { return sequence_; }

  // How many of the prompt's first tokens the target's cache had already when
  // the job was first admitted.
  void note_reuse(std::int64_t tokens) {
    if (!reused_) reused_ = std::min(tokens, sequence_.prompt_size());
  }

  int priority() const { return priority_; }
  void note_preemption() { ++preemptions_; }

  // Hands on the tokens the latest pass brought, one by one, and ends the
  // sequence at a stop string or where the caller wants no more. What the
  // callback throws ends it too, and is its failure. Returns how many there
  // were.
  std::int64_t deliver();

  // Hands on the text that was held back. Requires: sequence().finished().
  void deliver_rest();

  // Ends the sequence with the tokens handed on so far; also while `deliver`
  // runs.
  void cancel();

  // Ends the sequence with this failure.
  void fail(std::exception_ptr failure);

  // What the request failed with: what its callback threw, or an Error that
  // says what became of its sequence. Null: nothing.
  std::exception_ptr failure() const;

  // Requires: sequence().finished(), everything delivered, no failure().
  Generation result();

 private:
  void pass_over_resumed();
  size_t resumed() const;
  void deliver_all();
  void deliver_token(size_t index);
  std::string text_of(Token token);
  std::string held_back();
  void hand_on(const Piece& piece);
  GenerationStats statistics() const;

  RequestId id_;
  int priority_;
  OnPiece on_piece_;
  StopFilter filter_;
  Sequence sequence_;
  std::optional<TextStream> stream_;
  std::string text_;
  std::optional<std::int64_t> reused_;
  std::int64_t preemptions_ = 0;
  size_t delivered_ = 0;       // of sequence_.generated(), resumed ones too
  std::exception_ptr thrown_;  // by the callback, or before it began

  Clock::time_point submitted_ = Clock::now();
  Clock::time_point first_;  // end of the first iteration
  Clock::time_point last_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_JOB_H_
