#include "speculative/sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <iterator>
#include <limits>
#include <utility>

#include "pilotfish/error.h"
#include "pilotfish/window.h"

namespace pilotfish {
namespace {

// What broke off may have come to its end, but not further.
void check_resumed(const SequenceOptions& options) {
  if (std::ssize(options.resumed) > options.max_tokens) {
    throw UsageError(fmt::format("resumed: has {} tokens, and max_tokens is {}",
                                 options.resumed.size(), options.max_tokens));
  }
  const auto end =
      std::ranges::find_first_of(options.resumed, options.stop_tokens);
  if (std::distance(end, options.resumed.end()) > 1) {
    throw UsageError(fmt::format(
        "resumed: token {} at place {} ends the text, and more follows", *end,
        end - options.resumed.begin()));
  }
}

SequenceOptions checked(SequenceOptions options) {
  if (options.prompt.empty()) {
    throw UsageError("prompt: it is empty; at least one token is needed");
  }
  if (options.max_tokens == -1) {
    options.max_tokens = std::numeric_limits<std::int64_t>::max();
  }
  if (options.max_tokens < 1) {
    throw UsageError(
        fmt::format("max_tokens: {} is out of range; 1 or more, or -1 for as "
                    "many as fit",
                    options.max_tokens));
  }
  if (options.window.value_or(1) < 1 && options.window != kAutoWindow) {
    throw UsageError(
        fmt::format("window: {} is out of range; 1 (plain decoding) or more",
                    *options.window));
  }
  if (options.logprobs.value_or(0) < 0) {
    throw UsageError(fmt::format("logprobs: {} is out of range; 0 or more",
                                 *options.logprobs));
  }
  if (options.prompt_logprobs && !options.logprobs) {
    throw UsageError("prompt_logprobs: needs logprobs");
  }
  validate(options.sampling);
  check_resumed(options);
  return options;
}

}  // namespace

SequenceKey new_sequence_key(std::uint32_t slot) {
  static std::atomic<std::uint64_t> given_out = 0;
  return {.slot = slot, .generation = ++given_out};
}

Sequence::Sequence(SequenceOptions options)
    : options_(checked(std::move(options))),
      random_(options_.sampling.seed),
      history_(std::move(options_.prompt), options_.sampling, options_.rule),
      origins_(options_.resumed.size(), Origin::kBonus) {
  if (options_.logprobs) logprobs_.resize(options_.resumed.size());
  resume();
  const bool stopped =
      !options_.resumed.empty() && is_stop(options_.resumed.back());
  if (stopped || rule_must_end()) {
    finish_reason_ = FinishReason::kStopToken;
  } else if (tokens_left() == 0) {
    finish_reason_ = FinishReason::kMaxTokens;
  }
}

void Sequence::resume() {
  RuleWalk walk = rule_walk();
  for (const Token token : options_.resumed) {
    if (walk.ended() || !walk.take(token)) {
      throw UsageError(
          fmt::format("resumed: token {} at place {} breaks the constraint",
                      token, generated_size()));
    }
    history_.push(token);
  }
}

// Without stop tokens nothing else would end it.
bool Sequence::rule_must_end() const {
  const TokenRule::State state = history_.rule_state();
  return stop_tokens().empty() && state != nullptr &&
         history_.rule()->must_end(state);
}

bool Sequence::is_stop(Token token) const {
  return std::ranges::find(options_.stop_tokens, token) !=
         options_.stop_tokens.end();
}

void Sequence::finish(FinishReason reason, std::int64_t keep) {
  assert(keep >= 0);
  finish_reason_ = reason;
  if (keep >= generated_size()) return;
  history_.truncate(prompt_size() + keep);
  origins_.resize(static_cast<size_t>(keep));
  if (!logprobs_.empty()) logprobs_.resize(static_cast<size_t>(keep));
}

void Sequence::fail(SequenceFailure failure) {
  if (!failure_) failure_ = std::move(failure);
}

std::int64_t Sequence::append(const Verdict& verdict, Origin last,
                              std::int64_t n_positions,
                              std::span<TokenLogprobs> logprobs) {
  assert(!finished());
  const auto accepted = static_cast<std::int64_t>(verdict.accepted);
  std::int64_t emitted = 0;
  for (const Token token : verdict.tokens) {
    history_.push(token);
    origins_.push_back(emitted < accepted ? Origin::kAccepted : last);
    ++emitted;
    if (is_stop(token) || rule_must_end()) {
      finish_reason_ = FinishReason::kStopToken;
    } else if (tokens_left() == 0) {
      finish_reason_ = FinishReason::kMaxTokens;
    } else if (size() >= n_positions) {
      finish_reason_ = FinishReason::kNPositions;
    }
    if (finished()) break;
  }
  if (!logprobs.empty()) {
    const auto kept = logprobs.first(static_cast<size_t>(emitted));
    logprobs_.insert(logprobs_.end(), std::make_move_iterator(kept.begin()),
                     std::make_move_iterator(kept.end()));
  }
  return emitted;
}

void Sequence::add_prompt_logprobs(TokenLogprobs logprobs) {
  assert(scores_prompt());
  prompt_logprobs_.push_back(std::move(logprobs));
}

void Sequence::record(IterationStats pass) {
  unfinished_.draft_seconds += pass.draft_seconds;
  unfinished_.verify_seconds += pass.verify_seconds;
  unfinished_.total_seconds += pass.total_seconds;
  if (pass.emitted == 0) return;
  unfinished_.drafted = pass.drafted;
  unfinished_.accepted = pass.accepted;
  unfinished_.emitted = pass.emitted;
  unfinished_.tree_depth = pass.tree_depth;
  unfinished_.drafter = pass.drafter;
  unfinished_.proposals = std::move(pass.proposals);
  iterations_.push_back(std::exchange(unfinished_, {}));
}

}  // namespace pilotfish
