#ifndef PILOTFISH_SPECULATIVE_SEQUENCE_H_
#define PILOTFISH_SPECULATIVE_SEQUENCE_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/iteration.h"
#include "pilotfish/kv_cache.h"
#include "pilotfish/random.h"
#include "pilotfish/sampling.h"
#include "pilotfish/token.h"
#include "sampling/rule_walk.h"
#include "sampling/token_history.h"
#include "sampling/token_rule.h"
#include "speculative/sequence_key.h"

namespace pilotfish {

struct SequenceOptions {
  std::vector<Token> prompt;      // at least one token
  std::int64_t max_tokens = 128;  // at least one; -1: to the end of the cache
  SamplingParams sampling;
  std::vector<Token> stop_tokens;  // each ends the sequence, itself included
  // What is generated keeps to this and, without stop tokens, ends where it
  // leaves nothing to follow; null: to nothing.
  std::shared_ptr<const TokenRule> rule;
  std::optional<std::int64_t> window;  // k or kAutoWindow; nullopt: the
                                       // decoder's
  bool keep_proposals = false;
  std::vector<Token> prediction;  // how the user thinks it goes on
  // Whether log-probabilities are kept, and of how many candidates per token.
  std::optional<std::int64_t> logprobs;
  bool prompt_logprobs = false;  // of the prompt's tokens too
  // Tokens generated already, elsewhere or before: the text goes on behind them
  // as if they had been generated here.
  std::vector<Token> resumed;
  std::shared_ptr<const TokenAcceptor> acceptor;  // null: the decoder's
  // Bit i: the decoder's i-th source of drafts may draft.
  std::uint32_t sources = ~std::uint32_t{0};
  // The most tokens that may compete for a place; nullopt: the drafter's.
  std::optional<std::int64_t> tree_width;
  std::string cache_salt;  // texts with another one share no cache with it
};

// Why a sequence cannot go on, in one line.
struct SequenceFailure {
  std::string text;
  // What was asked for is at fault, not a model or an acceptor.
  bool is_usage = false;
};

// One text in the making: its tokens, how they are sampled, when it ends, and
// what its iterations were like.
class Sequence {
 public:
  // Throws UsageError for an empty prompt, for max_tokens, a window, logprobs
  // or sampling parameters out of range, and for a text to resume that goes on
  // behind its end or breaks the rule. One that is resumed at its end is
  // finished(), and so is one whose rule leaves nothing to generate.
  explicit Sequence(SequenceOptions options);
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  std::span<const Token> tokens() const { return history_.tokens(); }
  // Those that were resumed included, whose origin is kBonus and which have no
  // log-probabilities.
  std::span<const Token> generated() const {
    return tokens().subspan(static_cast<size_t>(prompt_size()));
  }
  std::span<const Origin> origins() const {
    return origins_;
  }  // of generated()
  std::int64_t size() const { return history_.size(); }
  std::int64_t prompt_size() const { return history_.prompt_size(); }
  std::int64_t generated_size() const { return history_.generated_size(); }
  std::int64_t resumed_size() const { return std::ssize(options_.resumed); }
  std::int64_t tokens_left() const {
    return options_.max_tokens - generated_size();
  }

  const SamplingParams& sampling() const { return options_.sampling; }
  const Random& random() const { return random_; }
  std::span<const Token> stop_tokens() const { return options_.stop_tokens; }
  bool is_stop(Token token) const;
  std::optional<std::int64_t> window() const { return options_.window; }
  // Null: the decoder's.
  const TokenAcceptor* acceptor() const { return options_.acceptor.get(); }
  bool may_draft_from(std::size_t source) const {
    return source >= 32 || (options_.sources >> source & 1) != 0;
  }
  std::optional<std::int64_t> tree_width() const { return options_.tree_width; }
  std::string_view cache_salt() const { return options_.cache_salt; }
  bool keeps_proposals() const { return options_.keep_proposals; }
  std::span<const Token> prediction() const { return options_.prediction; }
  std::optional<std::int64_t> logprobs_wanted() const {
    return options_.logprobs;
  }
  // One per token of generated() where they are wanted, else none.
  std::span<const TokenLogprobs> logprobs() const { return logprobs_; }
  // Of the prompt's tokens from the second on, as far as they are known, where
  // they are wanted.
  std::span<const TokenLogprobs> prompt_logprobs() const {
    return prompt_logprobs_;
  }
  // Whether some are still missing.
  bool scores_prompt() const {
    return options_.prompt_logprobs &&
           std::ssize(prompt_logprobs_) < prompt_size() - 1;
  }

  // Also true of a sequence that failed.
  bool finished() const { return finish_reason_ || failure_; }
  // Requires: finished(), and no failure().
  FinishReason finish_reason() const { return *finish_reason_; }
  // nullopt: nothing went wrong.
  const std::optional<SequenceFailure>& failure() const { return failure_; }
  // Ends the sequence because of a mistake in what belongs to it alone, such as
  // its verdict. It keeps the tokens it has; the first failure counts.
  void fail(SequenceFailure failure);
  // Ends the sequence from outside (a stop string, a cancellation), keeping the
  // first `keep` generated tokens. Also changes an end that has come already.
  void finish(FinishReason reason,
              std::int64_t keep = std::numeric_limits<std::int64_t>::max());

  // One entry for each iteration that emitted tokens; the first includes all
  // the passes that encoded the prompt.
  std::span<const IterationStats> iterations() const { return iterations_; }

  // For the decoder and drafters.

  const TokenHistory& history() const { return history_; }
  // For tokens that it may go on with.
  RuleWalk rule_walk() const { return {history_, stop_tokens()}; }

  // Takes over a verdict's tokens, up to the first stop token, max_tokens or
  // `n_positions` tokens in all; finishes the sequence there. Returns how many.
  // `last`: whether its last token is kRecovered or kBonus. `logprobs`: one per
  // token of the verdict, or none. Requires: !finished().
  std::int64_t append(const Verdict& verdict, Origin last,
                      std::int64_t n_positions,
                      std::span<TokenLogprobs> logprobs = {});

  // Takes over those of the next token of the prompt. Requires:
  // scores_prompt().
  void add_prompt_logprobs(TokenLogprobs logprobs);

  // Adds a pass's times, and its counts if it emitted anything.
  void record(IterationStats pass);

  // What the decoder that it is admitted to gave it.
  SequenceKey key;
  SequenceId target_id = -1;  // in the target's cache; -1: none

 private:
  void resume();
  bool rule_must_end() const;

  SequenceOptions options_;
  Random random_;
  TokenHistory history_;
  std::vector<Origin> origins_;
  std::vector<TokenLogprobs> logprobs_;
  std::vector<TokenLogprobs> prompt_logprobs_;
  std::optional<FinishReason> finish_reason_;
  std::optional<SequenceFailure> failure_;
  std::vector<IterationStats> iterations_;
  IterationStats unfinished_;  // passes that have emitted nothing yet
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_SEQUENCE_H_
