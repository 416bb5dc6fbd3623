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

// Marks are bytes that no text has.
std::string without_marks(std::string text) {
  std::erase_if(text,
                [](char c) { return static_cast<unsigned char>(c) >= 0xF8; });
  return text;
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
  if (options.format != nullptr) {
    calls_.emplace(options.format->rules, options.format->syntax);
    marked_.emplace(tokenizer, context_);
  }
  if (!request.resumed.empty()) skip_resumed(request);
}

// What is resumed has been told already.
void Assembler::skip_resumed(const Request& request) {
  TextStream before(tokenizer_, request.prompt);
  for (const Token token : request.resumed) {
    const std::string text = before.push(token);
    told_ += text.size();
    tell(splitter_.push(text));
    if (!calls_) continue;
    tell(splitter_.push(options_.format->syntax.mark(token)));
  }
  ready_ = {};
}

void Assembler::add(const TextPiece& piece) {
  add_prompt_scores(piece.prompt_logprobs);
  if (piece.token >= 0) add_mark(piece.token);
  add_text(piece.text);
  if (piece.token < 0) return;
  ++tokens_;
  if (piece.logprobs && stream_) add_scored(piece.token, *piece.logprobs);
  if (!options_.wants_tokens) return;
  pass_.push_back({piece.token, piece.text, piece.origin});
  if (piece.iteration) release_said(*piece.iteration);
}

void Assembler::add_mark(Token token) {
  if (!marked_) return;
  marked_length_ += marked_->push(token).size();
  const std::string_view mark = options_.format->syntax.mark(token);
  if (!mark.empty()) marks_.push_back({mark, marked_length_});
}

void Assembler::add_text(std::string_view text) {
  while (!marks_.empty() && marks_.front().place <= length_ + text.size()) {
    const Mark mark = marks_.front();
    marks_.pop_front();
    const std::size_t before = mark.place - std::min(mark.place, length_);
    tell(splitter_.push(text.substr(0, before)));
    tell(splitter_.push(mark.text));
    length_ += before;
    text.remove_prefix(before);
  }
  length_ += text.size();
  tell(splitter_.push(text));
}

void Assembler::tell(const Spoken& spoken) {
  ready_.reasoning += without_marks(spoken.reasoning);
  if (calls_) {
    tell(calls_->push(spoken.content));
  } else {
    ready_.content += spoken.content;
  }
}

void Assembler::tell(ToolCallReader::Read read) {
  ready_.content += read.text;
  for (ToolCallDelta& more : read.calls) {
    if (ready_.calls.empty() || ready_.calls.back().index != more.index) {
      ready_.calls.push_back(std::move(more));
    } else {
      ready_.calls.back().arguments += more.arguments;
    }
  }
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
  add_text(std::string_view(generation.text)
               .substr(std::min(length_, generation.text.size())));
  tell(splitter_.finish());
  if (calls_) tell(calls_->finish());
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
