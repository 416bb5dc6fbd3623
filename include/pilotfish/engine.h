#ifndef PILOTFISH_ENGINE_H_
#define PILOTFISH_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/constraint.h"
#include "pilotfish/iteration.h"
#include "pilotfish/iteration_summary.h"
#include "pilotfish/model.h"
#include "pilotfish/sampling.h"
#include "pilotfish/scorer.h"
#include "pilotfish/token.h"
#include "pilotfish/tokenizer.h"
#include "pilotfish/window.h"

namespace pilotfish {

struct Request {
  std::vector<Token> prompt;      // at least one token
  std::int64_t max_tokens = 128;  // -1: until n_positions is reached
  SamplingParams sampling;
  // The text ends before the first of them that it completes, which may lie
  // across tokens. The first sampling.min_tokens - 1 tokens are not searched.
  // Valid UTF-8; they need a tokenizer.
  std::vector<std::string> stop_strings;
  std::vector<Token> stop_ids;  // beside the model's own end tokens
  bool ignore_eos = false;  // the model's own end tokens do not end the text
  // What the text has to be; null: anything. The target's distribution is
  // restricted to it, whatever drafter and acceptor are used. The text ends at
  // an end token or, without end tokens, where it can only end. A text that is
  // cut (max_tokens, a stop string) is the beginning of such a text. Needs a
  // tokenizer.
  std::shared_ptr<const Constraint> constraint;
  // The window k: tokens one iteration may emit, k - 1 of them drafted. 1 is
  // plain decoding, kAutoWindow chooses while decoding; nullopt: the engine's.
  std::optional<std::int64_t> window;
  // What decides about drafted tokens; null: the engine's.
  std::shared_ptr<const TokenAcceptor> acceptor;
  // Those of the engine's drafters that may draft, by name; none: plain
  // decoding. nullopt: all.
  std::optional<std::vector<std::string>> drafters;
  // As the engine's, and no larger; nullopt: the engine's.
  std::optional<std::int64_t> tree_width;
  bool keep_proposals = false;  // in IterationStats, for traces
  // What the drafter "prediction" drafts: how you think the text goes on. A
  // wrong guess costs time, and changes nothing else.
  std::vector<Token> prediction;
  // Keep the target's log-probability of each token, and those of so many of
  // the most probable ones; nullopt: keep none.
  std::optional<std::int64_t> logprobs;
  // Keep those of the prompt's tokens too, which is then encoded in full,
  // whatever the cache still has of it. Needs `logprobs`.
  bool prompt_logprobs = false;
  // Tokens of the text that were generated before it broke off, here or
  // elsewhere: positions, random numbers, penalties and stop strings count them
  // in, and the text goes on behind them. Under greedy decoding or the acceptor
  // "coupled" it goes on to the same bits. The result has the new ones alone:
  // none where these are all, but still the reason for the end.
  std::vector<Token> resumed;
  // Of those that wait, the larger one is admitted first, and of those that
  // run, the smaller one is put back first where memory is short.
  int priority = 0;
  // Texts with different ones share no prefixes: nobody can tell by the time
  // that a prompt takes what others have asked.
  std::string cache_salt;
};

struct GenerationStats {
  std::int64_t prompt_tokens = 0;
  // Of those, the first ones that the cache still had (reuse_prefixes).
  std::int64_t reused_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t preemptions = 0;  // how often it was put back for want of memory
  double ttft_seconds = 0;       // from submission to the first token
  double decode_seconds = 0;     // from the first iteration's end to the last's
  // Generated after the first iteration, over decode_seconds: by the clock, so
  // the time that callbacks take counts. 0 where there was one iteration only.
  double tokens_per_second = 0;
  std::vector<IterationStats> iterations;
  IterationSummary summary;  // of `iterations`
};

struct Generation {
  // The stop token included; after a stop string, up to the token that
  // completed it.
  std::vector<Token> tokens;
  std::vector<Origin> origins;          // one a token
  std::vector<TokenLogprobs> logprobs;  // one a token, if asked for
  // One for each of the prompt's tokens but the first, if asked for.
  std::vector<TokenLogprobs> prompt_logprobs = {};
  // Valid UTF-8, without the stop token or stop string; empty without a
  // tokenizer.
  std::string text;
  FinishReason finish_reason = FinishReason::kMaxTokens;
  GenerationStats stats;
};

// A piece of a text as it comes: one a token. `text` can be empty (an
// unfinished character, text held back because it may begin a stop string) and
// belong to earlier tokens in part; a last piece may bring what was held back.
struct Piece {
  std::string_view text;
  Token token = -1;  // -1: text that was held back, no new token
  Origin origin = Origin::kBonus;
  const TokenLogprobs* logprobs = nullptr;  // of the token, if asked for
  // With the first token, as Generation's.
  std::span<const TokenLogprobs> prompt_logprobs = {};
  // Of a request that keeps proposals, with the last token of an iteration.
  const IterationStats* iteration = nullptr;
};
// Returns false to cancel the request: this token is its last. What it throws
// fails its own request: `take` throws it. It may submit, cancel (its own
// request too) and take, but not step; what it cancels is taken after the step.
using OnPiece = std::function<bool(const Piece&)>;

struct EngineOptions {
  std::int64_t n_positions = 0;       // a sequence's bound; 0: the target's own
  std::int64_t max_sequences = 1;     // decoded together
  std::int64_t window = kAutoWindow;  // the default k
  std::int64_t prefill_chunk = 512;   // prompt rows in one pass
  // The same where other sequences are decoded in the pass, so that a long
  // prompt does not hold them up; never fewer than the rows that those bring.
  std::int64_t mixed_chunk = 12;
  DType kv_dtype = DType::kF16;
  std::shared_ptr<const TokenAcceptor> acceptor = nullptr;  // "block"
  // Names of drafters (drafters.h) in order of preference: for each sequence
  // and window the first that has a guess drafts. Empty: "model" drafts, where
  // there is a draft model.
  std::vector<std::string> drafters = {};
  std::int64_t skip_layers = 0;  // of "skip"; 0: half of the target's
  // The most tokens of "model" that may compete for a place. Above 1 the k - 1
  // drafted tokens form a tree, which is wide where the draft model is unsure.
  // Needs an acceptor that takes trees.
  std::int64_t tree_width = 1;
  std::vector<Token> corpus = {};  // for "suffix", beside the text itself
  // What a finished request has encoded stays in the caches of target and draft
  // until its place is needed. A request whose prompt begins with the same
  // tokens, such as the next turn of a conversation, encodes only the rest. The
  // text is the same to the bit, and the caches take no more memory.
  bool reuse_prefixes = true;
  // Bytes of keys and values, of target and draft together, instead of
  // n_positions for each of max_sequences; 0: those. Where it is short, the
  // request that came last is put back, and goes on later to the same bits.
  std::int64_t kv_memory = 0;
};

// What an engine works with, where that is not simply two models: whatever can
// score tokens can be its target or its draft.
struct EngineParts {
  // Each has room for EngineOptions::max_sequences, and no other user while the
  // engine lives.
  std::shared_ptr<Scorer> target;
  std::shared_ptr<Scorer> draft = nullptr;               // null: none
  std::shared_ptr<const Tokenizer> tokenizer = nullptr;  // null: none
  std::vector<Token> end_tokens = {};  // the model's own; they end a text
};

using RequestId = std::int64_t;

// What an engine is doing.
struct EngineStatus {
  std::int64_t running = 0;  // requests that are decoded, or their prompts read
  std::int64_t waiting = 0;
  // Tokens that the target's cache holds for those that run, and what it keeps
  // of finished ones.
  std::int64_t running_tokens = 0;
  std::int64_t kept_tokens = 0;
  std::int64_t generated_tokens = 0;  // since the start, by all requests
};

// Generates text with a target model and, where there is one, a draft. Any
// number of requests may be submitted; up to max_sequences are decoded in one
// batch, each at its own pace. Not thread-safe: one thread calls it.
//
// A request fails alone. If its acceptor breaks the contract, its callback
// throws, a model gives NaN for logits, or its constraint and its sampling
// parameters leave no token at some place, it ends there, `take` throws what
// went wrong, and the others go on to the same bits.
class Engine {
 public:
  // Throws UsageError where target and draft cannot work together or options
  // are out of range. The scorers have their caches already: n_positions and
  // kv_dtype of the options are not used.
  Engine(EngineParts parts, const EngineOptions& options);
  // The same with models, whose caches it makes. `draft` and `tokenizer` may be
  // null. Vocabulary sizes may differ by padding; compare tokenizers with
  // tokenizer_difference first.
  Engine(std::shared_ptr<Model> target, std::shared_ptr<Model> draft,
         std::shared_ptr<const Tokenizer> tokenizer,
         const EngineOptions& options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Queues a request. `on_piece` is called during `step`. Throws UsageError for
  // a request that cannot run: an empty prompt or one that does not fit into
  // n_positions, a token out of range, sampling parameters that are out of
  // range or leave no token to generate, tokens to resume that break the
  // constraint, a drafter or a tree that the engine does not have.
  RequestId submit(Request request, OnPiece on_piece = nullptr);

  // Throws what `submit` would throw. Any thread may call it at any time.
  void check(const Request& request) const;

  // Admits waiting requests, then runs one pass for all active ones: an
  // iteration each, or a chunk of a prompt. Returns false when there is nothing
  // left to do. One request's failure does not come out of it. Where the pass
  // itself fails (memory that ran out), it throws; the requests that were
  // active have then failed with it, and the engine goes on with the others.
  bool step();

  // The result of a finished request, which is then forgotten; nullopt while it
  // is waiting or running. Throws UsageError for an unknown id. For a request
  // that failed it throws what the request's callback or the pass threw, a
  // UsageError where its constraint and sampling parameters left no token, or
  // an Error that says what its acceptor did, or which model's logits were NaN
  // at which position.
  std::optional<Generation> take(RequestId id);
  // Those that have come to their end and have not been taken.
  std::vector<RequestId> ended() const;
  // Ends a request with what it has, text that was held back included; no
  // effect on a finished one. Throws UsageError for an unknown id.
  void cancel(RequestId id);
  // How much of a request's prompt is encoded: 0 to 1, and 1 when the first
  // token has come. Throws UsageError for an unknown id.
  double prompt_progress(RequestId id) const;

  // submit, step until done, take.
  Generation generate(Request request, const OnPiece& on_piece = nullptr);

  std::int64_t n_positions() const;
  std::int64_t max_sequences() const;
  std::int64_t kv_cache_bytes() const;  // target and draft pools together
  EngineStatus status() const;
  const TokenAcceptor& acceptor() const;
  // Their names, in order of preference; none: it decodes plainly.
  std::span<const std::string> drafters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct ScoreOptions {
  std::int64_t n_positions = 0;  // the most tokens; 0: the model's own
  DType kv_dtype = DType::kF32;
  // Called for each position in order with its row of logits, [vocab_size]:
  // what follows token `position`. The row is valid during the call.
  std::function<void(std::int64_t position, std::span<const float> logits)>
      on_row = nullptr;
};

// The log-probability that the model gives each token after those before it.
struct Score {
  std::vector<double> log_probabilities;  // [tokens.size() - 1], natural log
  double perplexity = 0;                  // NaN for a single token
};
// Throws UsageError for no tokens, more than n_positions, or tokens out of
// range; Error where logits are NaN, with the position and, where weights of
// the model are NaN or infinite, the first such tensor.
Score score(Model& model, std::span<const Token> tokens,
            const ScoreOptions& options = {});

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_H_
