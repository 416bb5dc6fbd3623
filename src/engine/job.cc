#include "engine/job.h"

#include <algorithm>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

double seconds_between(Job::Clock::time_point from, Job::Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

SequenceOptions sequence_options(Request request, std::uint32_t sources,
                                 std::shared_ptr<const TokenRule> rule,
                                 std::span<const Token> model_ends) {
  SequenceOptions options;
  options.prompt = std::move(request.prompt);
  options.max_tokens = request.max_tokens;
  options.sampling = std::move(request.sampling);
  options.stop_tokens = std::move(request.stop_ids);
  if (!request.ignore_eos) {
    options.stop_tokens.insert(options.stop_tokens.end(), model_ends.begin(),
                               model_ends.end());
  }
  options.rule = std::move(rule);
  options.window = request.window;
  options.prediction = std::move(request.prediction);
  options.logprobs = request.logprobs;
  options.prompt_logprobs = request.prompt_logprobs;
  options.keep_proposals = request.keep_proposals;
  options.acceptor = std::move(request.acceptor);
  options.sources = sources;
  options.tree_width = request.tree_width;
  options.resumed = std::move(request.resumed);
  options.cache_salt = std::move(request.cache_salt);
  return options;
}

// A stop string ends a text inside a window: the tokens behind it do not count.
std::vector<IterationStats> cut(std::span<const IterationStats> iterations,
                                std::int64_t generated) {
  std::vector<IterationStats> kept(iterations.begin(), iterations.end());
  for (IterationStats& iteration : kept) {
    iteration.emitted = std::min(iteration.emitted, generated);
    iteration.accepted = std::min(iteration.accepted, iteration.emitted);
    generated -= iteration.emitted;
  }
  return kept;
}

}  // namespace

Job::Job(RequestId id, Request request, std::uint32_t sources,
         std::shared_ptr<const TokenRule> rule,
         std::span<const Token> model_ends, const Tokenizer* tokenizer,
         OnPiece on_piece)
    : id_(id),
      priority_(request.priority),
      on_piece_(std::move(on_piece)),
      filter_(std::move(request.stop_strings)),
      sequence_(sequence_options(std::move(request), sources, std::move(rule),
                                 model_ends)) {
  if (tokenizer != nullptr) {
    stream_.emplace(
        *tokenizer,
        sequence_.tokens().first(static_cast<size_t>(sequence_.prompt_size())));
  }
  pass_over_resumed();
}

// The text of what was generated before has been handed on then, but for what
// was held back.
void Job::pass_over_resumed() {
  while (std::cmp_less(delivered_, sequence_.resumed_size())) {
    text_of(sequence_.generated()[delivered_++]);
    if (!filter_.found()) continue;
    if (std::cmp_less(delivered_, sequence_.resumed_size())) {
      throw UsageError("resumed: goes on behind a stop string");
    }
    sequence_.finish(FinishReason::kStopString);
  }
}

size_t Job::resumed() const {
  return static_cast<size_t>(sequence_.resumed_size());
}

std::int64_t Job::deliver() {
  const size_t before = delivered_;
  deliver_all();
  return static_cast<std::int64_t>(delivered_ - before);
}

void Job::deliver_all() {
  if (delivered_ == sequence_.generated().size()) return;
  last_ = Clock::now();
  if (delivered_ == resumed()) first_ = last_;
  try {
    // Both ends below shorten the sequence to what has been delivered.
    while (delivered_ < sequence_.generated().size()) {
      deliver_token(delivered_++);
    }
    if (sequence_.finished()) deliver_rest();
  } catch (...) {
    fail(std::current_exception());
  }
}

void Job::deliver_rest() {
  try {
    const std::string rest = held_back();
    if (!rest.empty()) hand_on({.text = rest});
  } catch (...) {
    fail(std::current_exception());
  }
}

void Job::fail(std::exception_ptr failure) {
  thrown_ = std::move(failure);
  cancel();
}

std::exception_ptr Job::failure() const {
  if (thrown_) return thrown_;
  const std::optional<SequenceFailure>& failure = sequence_.failure();
  if (!failure) return nullptr;
  return failure->is_usage ? std::make_exception_ptr(UsageError(failure->text))
                           : std::make_exception_ptr(Error(failure->text));
}

void Job::deliver_token(size_t index) {
  const Token token = sequence_.generated()[index];
  const Origin origin = sequence_.origins()[index];
  const std::string text = text_of(token);
  if (filter_.found()) {
    sequence_.finish(FinishReason::kStopString,
                     static_cast<std::int64_t>(delivered_));
  }
  const bool is_last = delivered_ == sequence_.generated().size();
  hand_on(
      {.text = text,
       .token = token,
       .origin = origin,
       .logprobs = sequence_.logprobs().empty() ? nullptr
                                                : &sequence_.logprobs()[index],
       .prompt_logprobs = index == resumed() ? sequence_.prompt_logprobs()
                                             : std::span<const TokenLogprobs>(),
       .iteration = sequence_.keeps_proposals() && is_last
                        ? &sequence_.iterations().back()
                        : nullptr});
}

std::string Job::text_of(Token token) {
  if (!stream_ || sequence_.is_stop(token)) return {};
  const std::string text = stream_->push(token);
  const bool too_early =
      static_cast<std::int64_t>(delivered_) < sequence_.sampling().min_tokens;
  return too_early ? filter_.pass(text) : filter_.push(text);
}

std::string Job::held_back() {
  return stream_ ? filter_.pass(stream_->finish()) : std::string();
}

void Job::hand_on(const Piece& piece) {
  text_ += piece.text;
  if (on_piece_ && !on_piece_(piece)) cancel();
}

void Job::cancel() {
  sequence_.finish(FinishReason::kCancelled,
                   static_cast<std::int64_t>(delivered_));
}

Generation Job::result() {
  Generation result;
  const auto copy_new = [this](const auto& all, auto& copy) {
    if (all.empty()) return;
    const auto fresh = all.subspan(resumed());
    copy.assign(fresh.begin(), fresh.end());
  };
  copy_new(sequence_.generated(), result.tokens);
  copy_new(sequence_.origins(), result.origins);
  copy_new(sequence_.logprobs(), result.logprobs);
  result.prompt_logprobs.assign(sequence_.prompt_logprobs().begin(),
                                sequence_.prompt_logprobs().end());
  text_ += held_back();  // of a request that was cancelled
  result.text = std::move(text_);
  result.finish_reason = sequence_.finish_reason();
  result.stats = statistics();
  return result;
}

GenerationStats Job::statistics() const {
  GenerationStats stats;
  stats.prompt_tokens = sequence_.prompt_size();
  stats.reused_tokens = reused_.value_or(0);
  stats.preemptions = preemptions_;
  stats.generated_tokens =
      sequence_.generated_size() - sequence_.resumed_size();
  stats.iterations = cut(sequence_.iterations(), stats.generated_tokens);
  stats.summary.add(stats.iterations);
  if (stats.generated_tokens == 0) return stats;
  stats.ttft_seconds = seconds_between(submitted_, first_);
  stats.decode_seconds = seconds_between(first_, last_);
  if (stats.decode_seconds > 0) {
    stats.tokens_per_second =
        static_cast<double>(stats.summary.tokens) / stats.decode_seconds;
  }
  return stats;
}

}  // namespace pilotfish
