#include "server/api/text_run.h"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "pilotfish/error.h"
#include "server/fingerprint.h"
#include "server/later_exchange.h"

namespace pilotfish::server {
namespace {

using namespace std::chrono_literals;

// The stop string that ended a text: the one whose text follows.
std::string stop_string_of(const Tokenizer& tokenizer, const Request& request,
                           const Generation& generation) {
  if (generation.finish_reason != FinishReason::kStopString) return {};
  if (generation.tokens.empty()) {  // what was resumed ends with it
    TextStream resumed(tokenizer, request.prompt);
    std::string text;
    for (const Token token : request.resumed) text += resumed.push(token);
    for (const std::string& stop : request.stop_strings) {
      if (text.find(stop) != std::string::npos) return stop;
    }
  }
  std::vector<Token> context = request.prompt;
  context.insert(context.end(), request.resumed.begin(), request.resumed.end());
  TextStream stream(tokenizer, context);
  std::string text;
  for (const Token token : generation.tokens) text += stream.push(token);
  // With resumed tokens, text of theirs may have been held back in front.
  for (const std::string& stop : request.stop_strings) {
    const std::size_t at = std::min(generation.text.size(), text.size());
    if (std::string_view(text).substr(at).starts_with(stop)) return stop;
  }
  for (const std::string& stop : request.stop_strings) {
    if (text.ends_with(stop)) return stop;
  }
  return request.stop_strings.front();
}

// Where no text is wanted, only what is told of the prompt, the engine
// generates one token, which nobody sees.
bool wants_no_text(const Request& request) { return request.max_tokens == 0; }

Request submitted(Request request) {
  if (!wants_no_text(request)) return request;
  request.max_tokens = 1;
  request.window = 1;
  request.sampling = {};
  return request;
}

void add_calls(std::vector<SaidCall>& calls,
               const std::vector<ToolCallDelta>& more) {
  for (const ToolCallDelta& delta : more) {
    if (calls.empty() || calls.back().index != delta.index) {
      calls.push_back({.index = delta.index, .name = {}, .arguments = {}});
    }
    calls.back().name += delta.name;
    calls.back().arguments += delta.arguments;
  }
}

void drop_text(TextPiece& piece) {
  piece.text.clear();
  piece.token = -1;
  piece.iteration.reset();
}

void drop_text(Generation& generation) {
  generation.tokens.clear();
  generation.origins.clear();
  generation.logprobs.clear();
  generation.text.clear();
  generation.finish_reason = FinishReason::kMaxTokens;
  generation.stats.generated_tokens = 0;
}

}  // namespace

void TextRun::start(ServerContext& context, ActiveRuns& runs,
                    std::shared_ptr<Exchange> exchange,
                    std::vector<WantedText> wanted,
                    std::unique_ptr<AnswerShape> shape,
                    const Options& options) {
  if (const auto later = std::dynamic_pointer_cast<LaterExchange>(exchange)) {
    // A function can be copied, and so must be what is in it.
    const auto texts =
        std::make_shared<std::vector<WantedText>>(std::move(wanted));
    const auto held =
        std::make_shared<std::unique_ptr<AnswerShape>>(std::move(shape));
    later->go_on([&context, &runs, texts, held, options](const auto& loops) {
      start(context, runs, loops, std::move(*texts), std::move(*held), options);
    });
    return;
  }
  const std::shared_ptr<TextRun> run(
      new TextRun(context, runs, std::move(exchange), std::move(wanted),
                  std::move(shape), options));
  runs.add(run);
  try {
    run->submit_all();
  } catch (...) {
    run->fail(api_error_of(std::current_exception()));
    run->running_.clear();
    run->end();
    return;
  }
  run->watch();
}

TextRun::TextRun(ServerContext& context, ActiveRuns& runs,
                 std::shared_ptr<Exchange> exchange,
                 std::vector<WantedText> wanted,
                 std::unique_ptr<AnswerShape> shape, const Options& options)
    : context_(context),
      runs_(runs),
      exchange_(std::move(exchange)),
      shape_(std::move(shape)),
      options_(options) {
  const TokenAcceptor* acceptor = wanted.front().request.acceptor.get();
  answer_ = {.context = &context,
             .id = exchange_->request().id,
             .created = std::time(nullptr),
             .fingerprint = system_fingerprint(
                 context.model.fingerprint,
                 (acceptor != nullptr ? *acceptor
                                      : context.service->engine().acceptor())
                     .name()),
             .wanted = std::move(wanted)};
  for (WantedText& text : answer_.wanted) {
    text.request.keep_proposals = options.wants_tokens;
  }
  answer_.said.resize(answer_.wanted.size());
  running_.resize(answer_.wanted.size());
  link_->exchange = exchange_.get();
}

TextRun::~TextRun() {
  const std::lock_guard lock(link_->mutex);
  link_->exchange = nullptr;
}

void TextRun::submit_all() {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const WantedText& wanted = answer_.wanted[i];
    running_[i].assembler = std::make_unique<Assembler>(
        *context_.tokenizer, wanted.request,
        Assembler::Options{.splits_reasoning = options_.splits_reasoning,
                           .opens_reasoning = wanted.opens_reasoning,
                           .wants_tokens = options_.wants_tokens,
                           .format = wanted.format});
    SubmitOptions options;
    // The texts of single tokens come with the pieces alone.
    options.streams = options_.streams || options_.wants_tokens;
    options.time_limit = context_.time_limit;
    // The run may end on the loop's thread meanwhile, but not while the link is
    // held; and nothing that the loop owns dies on the service's thread.
    options.on_ready = [link = link_, weak = weak_from_this()] {
      const std::lock_guard lock(link->mutex);
      if (link->exchange == nullptr) return;
      link->exchange->post([weak] {
        if (const auto self = weak.lock()) self->pump();
      });
    };
    running_[i].ticket =
        context_.service->submit(submitted(wanted.request), std::move(options));
  }
}

void TextRun::watch() {
  exchange_->on_gone([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->answered_ = true;
    self->cancel_all();
  });
  if (options_.streams) ping_later();
}

void TextRun::pump() {
  if (at_end()) return;  // posted before the end
  try {
    take_all();
  } catch (...) {  // memory that ran out
    running_.clear();
    fail(api_error_of(std::current_exception()));
    end();
  }
}

void TextRun::take_all() {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (!running_[i].ticket) continue;
    if (!answered_ && exchange_->unsent() > context_.max_unsent) {
      retry_later();
      return;
    }
    take_from(i);
  }
  if (std::ranges::none_of(running_, [](const Running& running) {
        return running.ticket.has_value();
      })) {
    end();
  }
}

void TextRun::take_from(std::size_t text) {
  Running& running = running_[text];
  // In this order, or pieces between the two would be lost.
  const std::optional<TicketEnd> end = running.ticket->end();
  for (TextPiece& piece : running.ticket->take()) {
    if (wants_no_text(answer_.wanted[text].request)) drop_text(piece);
    running.assembler->add(piece);
    // A chunk of its own for each pass: its tokens and their text.
    if (piece.iteration) {
      tell(text, running.assembler->take());
    }
  }
  if (end) {
    finish_text(text, *end);
  } else if (!options_.wants_tokens) {
    tell(text, running.assembler->take());
  }
}

void TextRun::finish_text(std::size_t text, TicketEnd end) {
  Ticket ticket = std::move(*running_[text].ticket);
  running_[text].ticket.reset();
  SaidText& said = answer_.said[text];
  try {
    said.generation = ticket.result();
  } catch (...) {
    const ApiError error = api_error_of(std::current_exception());
    report(text, end, error.what());
    fail(error);
    return;
  }
  const Request& request = answer_.wanted[text].request;
  if (wants_no_text(request)) drop_text(said.generation);
  report(text, end, {});
  if (end == TicketEnd::kCancelled) {
    fail(ApiError(503, "the server is shutting down", {}, "draining"));
    return;
  }
  if (end == TicketEnd::kUntaken) {
    fail(ApiError(408, "the stream was not read in time", {}, "slow_reader"));
    return;
  }
  running_[text].assembler->finish(said.generation);
  tell(text, running_[text].assembler->take());
  said.reasoning_tokens =
      running_[text].assembler->reasoning_tokens(said.generation);
  said.stop_string =
      stop_string_of(*context_.tokenizer, request, said.generation);
  if (options_.streams) write([&] { return shape_->finish(answer_, text); });
}

void TextRun::report(std::size_t text, TicketEnd end,
                     const std::string& failure) {
  if (!context_.on_finished) return;
  FinishedRequest finished;
  finished.id = exchange_->request().id;
  finished.route = exchange_->request().path;
  finished.end = end;
  finished.failure = failure;
  finished.streamed = options_.streams;
  finished.e2e_seconds =
      std::chrono::duration<double>(Clock::now() - submitted_).count();
  if (end != TicketEnd::kFailed) {
    const Generation& generation = answer_.said[text].generation;
    finished.finish_reason = generation.finish_reason;
    finished.stats = generation.stats;
    finished.stats.iterations.clear();
  }
  context_.on_finished(finished);
}

// A stream's reader has them; a whole answer is made of what was told.
void TextRun::tell(std::size_t text, Delta delta) {
  if (delta.empty()) return;
  if (options_.streams)
    write([&] { return shape_->delta(answer_, text, delta); });
  SaidText& said = answer_.said[text];
  const auto append = [](auto& all, auto& more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  };
  said.reasoning += delta.reasoning;
  said.content += delta.content;
  add_calls(said.calls, delta.calls);
  if (options_.streams) return;
  append(said.scored, delta.scored);
  append(said.prompt_scores, delta.prompt_scores);
  append(said.said, delta.said);
  append(said.passes, delta.passes);
}

void TextRun::write(const std::function<std::string()>& bytes) {
  if (answered_) return;
  silent_ = false;
  if (std::exchange(began_, true)) {
    std::string more = bytes();
    if (!more.empty()) exchange_->write(std::move(more));
    return;
  }
  HttpResponse head;
  head.content_type = "text/event-stream";
  head.body = shape_->begin(answer_);
  head.body += bytes();
  exchange_->begin_stream(std::move(head));
}

void TextRun::fail(const ApiError& error) {
  if (!answered_) {
    if (began_) {
      write([&] { return shape_->broke_off(error); });
      exchange_->end();
    } else {
      exchange_->respond(shape_->refusal(error));
    }
    answered_ = true;
  }
  cancel_all();
}

void TextRun::cancel_all() {
  for (Running& running : running_) {
    if (running.ticket) running.ticket->cancel();
  }
}

bool TextRun::at_end() const { return link_->exchange == nullptr; }

void TextRun::end() {
  const auto self = shared_from_this();
  {
    const std::lock_guard lock(link_->mutex);
    link_->exchange = nullptr;
  }
  if (!answered_) {
    answered_ = true;
    if (options_.streams) {
      exchange_->write(shape_->end(answer_));
      exchange_->end();
    } else {
      HttpResponse response;
      response.body = json_text(shape_->whole(answer_));
      exchange_->respond(std::move(response));
    }
  }
  runs_.remove(self);
}

void TextRun::retry_later() {
  if (std::exchange(retries_, true)) return;
  exchange_->after(20ms, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->retries_ = false;
    self->pump();
  });
}

// So that nobody takes a long prompt's silence for a broken connection.
void TextRun::ping_later() {
  exchange_->after(context_.ping_interval, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->answered_) return;
    if (self->silent_) self->write([&] { return self->shape_->ping(); });
    self->silent_ = true;
    self->ping_later();
  });
}

}  // namespace pilotfish::server
