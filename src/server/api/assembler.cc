#include "server/api/assembler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/api/token_words.h"

namespace pilotfish::server {
namespace {

std::vector<Token> context_of(const Request& request) {
  std::vector<Token> context = request.prompt;
  context.insert(context.end(), request.resumed.begin(), request.resumed.end());
  return context;
}

}  // namespace

Assembler::Assembler(const Tokenizer& tokenizer, const Request& request,
                     const Options& options)
    : tokenizer_(tokenizer),
      options_(options),
      context_(context_of(request)),
      scores_end_(request.prompt_logprobs),
      splitter_(options.splits_reasoning, options.opens_reasoning) {
  if (request.logprobs) stream_.emplace(tokenizer, context_);
  if (request.resumed.empty() || !options.splits_reasoning) return;
  // It has been told already.
  TextStream before(tokenizer, request.prompt);
  for (const Token token : request.resumed) {
    const std::string text = before.push(token);
    told_ += text.size();
    splitter_.push(text);
  }
}

void Assembler::add(const TextPiece& piece) {
  add_prompt_scores(piece.prompt_logprobs);
  add_text(piece.text);
  if (piece.token < 0) return;
  ++tokens_;
  if (piece.logprobs && stream_) add_scored(piece.token, *piece.logprobs);
  if (!options_.wants_tokens) return;
  pass_.push_back({piece.token, piece.text, piece.origin});
  if (piece.iteration) release_said(*piece.iteration);
}

void Assembler::add_text(std::string_view text) {
  length_ += text.size();
  Spoken spoken = splitter_.push(text);
  ready_.reasoning += spoken.reasoning;
  ready_.content += spoken.content;
}

void Assembler::add_prompt_scores(const std::vector<TokenLogprobs>& scores) {
  if (scores.empty() || std::exchange(has_prompt_scores_, true)) return;
  ready_.prompt_scores = scores;
}

void Assembler::add_scored(Token token, const TokenLogprobs& logprobs) {
  const std::string text = stream_->push(token);
  waiting_.push_back({.scored = {token, logprobs, stream_characters_},
                      .begin = stream_length_,
                      .end = stream_length_ + text.size()});
  stream_length_ += text.size();
  stream_characters_ += count_characters(text);
}

// Hands on those whose text has come, but for the last `kept`.
void Assembler::release_scored(std::size_t kept) {
  while (waiting_.size() > kept) {
    Waiting& first = waiting_.front();
    if (first.end > length_ && first.begin >= length_) return;
    ready_.scored.push_back(std::move(first.scored));
    waiting_.pop_front();
  }
}

// The pass is complete.
void Assembler::release_said(const IterationStats& iteration) {
  std::int32_t parent = -1;
  std::int64_t accepted = 0;
  for (SaidToken& said : pass_) {
    if (said.origin != Origin::kAccepted) continue;
    ++accepted;
    const auto proposal =
        std::ranges::find_if(iteration.proposals, [&](const Proposal& one) {
          return one.parent == parent && one.token == said.token;
        });
    if (proposal == iteration.proposals.end()) continue;
    said.target_probability = proposal->target_probability;
    said.draft_probability = proposal->draft_probability;
    parent = static_cast<std::int32_t>(proposal - iteration.proposals.begin());
  }
  ready_.passes.push_back({.drafted = iteration.drafted,
                           .places = iteration.places(),
                           .accepted = accepted,
                           .emitted = std::ssize(pass_),
                           .draft_seconds = iteration.draft_seconds,
                           .verify_seconds = iteration.verify_seconds});
  std::ranges::move(pass_, std::back_inserter(ready_.said));
  pass_.clear();
}

Delta Assembler::take() {
  release_scored(1);  // the last one may be the end of the text
  return std::exchange(ready_, {});
}

void Assembler::finish(const Generation& generation) {
  add_prompt_scores(generation.prompt_logprobs);
  for (auto i = static_cast<std::size_t>(tokens_); i < generation.tokens.size();
       ++i) {
    TextPiece piece{.text = {},
                    .token = generation.tokens[i],
                    .origin = generation.origins[i]};
    if (!generation.logprobs.empty()) piece.logprobs = generation.logprobs[i];
    add(piece);
  }
  if (generation.text.size() > length_) {
    add_text(std::string_view(generation.text).substr(length_));
  }
  const Spoken rest = splitter_.finish();
  ready_.reasoning += rest.reasoning;
  ready_.content += rest.content;
  if (!pass_.empty()) release_said({});  // it was cut short
  if (!waiting_.empty() && !scores_end_ &&
      generation.finish_reason == FinishReason::kStopToken) {
    waiting_.pop_back();
  }
  if (generation.finish_reason == FinishReason::kStopString) {
    while (!waiting_.empty() && waiting_.back().begin >= length_) {
      waiting_.pop_back();
    }
  }
  for (Waiting& waiting : waiting_) {
    ready_.scored.push_back(std::move(waiting.scored));
  }
  waiting_.clear();
}

std::int64_t Assembler::reasoning_tokens(const Generation& generation) const {
  if (!options_.splits_reasoning) return 0;
  if (splitter_.is_thinking()) return std::ssize(generation.tokens);
  TextStream stream(tokenizer_, context_);
  std::size_t length = told_;
  std::int64_t count = 0;
  for (const Token token : generation.tokens) {
    if (length >= splitter_.reasoning_end()) break;
    length += stream.push(token).size();
    ++count;
  }
  return count;
}

}  // namespace pilotfish::server
