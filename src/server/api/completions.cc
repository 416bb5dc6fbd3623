// POST /v1/completions, OpenAI's older route: a text goes on.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/api/answer_fields.h"
#include "server/api/choices_shape.h"
#include "server/api/decoding_fields.h"
#include "server/api/prompt_fields.h"
#include "server/api/routes.h"
#include "server/api/token_words.h"

namespace pilotfish::server {
namespace {

constexpr std::int64_t kMostLogprobs = 100;

// Log-probabilities in the shape of this route: arrays side by side.
class LogprobColumns {
 public:
  // `logprobs` is null for what has none: the first token of a prompt.
  void add(const Tokenizer& tokenizer, Token token,
           const TokenLogprobs* logprobs, std::int64_t offset) {
    const auto words = [&](Token id) {
      return valid_text(token_bytes(tokenizer, id));
    };
    tokens_.push_back(words(token));
    offsets_.push_back(offset);
    if (logprobs == nullptr) {
      logprobs_.push_back(nullptr);
      tops_.push_back(nullptr);
      return;
    }
    const double logprob = finite_logprob(logprobs->logprob);
    OutJson top = OutJson::object();
    for (const TokenLogprobs::Candidate& candidate : logprobs->top) {
      top[words(candidate.token)] = finite_logprob(candidate.logprob);
    }
    top[words(token)] = logprob;
    logprobs_.push_back(logprob);
    tops_.push_back(std::move(top));
  }

  OutJson json() && {
    return {{"text_offset", std::move(offsets_)},
            {"token_logprobs", std::move(logprobs_)},
            {"tokens", std::move(tokens_)},
            {"top_logprobs", std::move(tops_)}};
  }

 private:
  OutJson tokens_ = OutJson::array();
  OutJson logprobs_ = OutJson::array();
  OutJson tops_ = OutJson::array();
  OutJson offsets_ = OutJson::array();
};

// Where each token of a prompt begins in its text, in characters. What stands
// for no text there, as BOS, begins where the next one does.
std::vector<std::int64_t> token_offsets(const Tokenizer& tokenizer,
                                        const std::vector<Token>& tokens,
                                        std::string_view text) {
  std::vector<std::int64_t> offsets;
  TextStream stream(tokenizer);
  std::int64_t characters = 0;
  for (const Token token : tokens) {
    offsets.push_back(characters);
    std::size_t size = 0;
    if (!tokenizer.is_special(token)) {
      size = std::min(text.size(), stream.push(token).size());
    } else if (text.starts_with(tokenizer.token_text(token))) {
      size = tokenizer.token_text(token).size();
    }
    characters += count_characters(text.substr(0, size));
    text.remove_prefix(size);
  }
  return offsets;
}

class CompletionShape final : public ChoicesShape {
 public:
  CompletionShape(const StreamFields& stream, bool scores)
      : ChoicesShape({"cmpl-", "text_completion", "text_completion"}, stream),
        scores_(scores) {}

  OutJson whole(const Answer& answer) override {
    OutJson choices = OutJson::array();
    for (std::size_t i = 0; i < answer.said.size(); ++i) {
      const SaidText& said = answer.said[i];
      OutJson choice = choice_json(i, answer.wanted[i].echo + said.content);
      if (scores_) {
        LogprobColumns columns;
        add_prompt(columns, answer, i, said.prompt_scores);
        add_text(columns, answer, i, said.scored);
        choice["logprobs"] = std::move(columns).json();
      }
      if (stream().wants_tokens) {
        add_said(choice, said.said, said.passes, false);
      }
      choice["finish_reason"] = finish_word(said.generation.finish_reason);
      choices.push_back(std::move(choice));
    }
    return whole_json(answer, std::move(choices));
  }

  std::string begin(const Answer& answer) override {
    echoed_.resize(answer.wanted.size());
    return {};
  }

  std::string delta(const Answer& answer, std::size_t text,
                    const Delta& delta) override {
    std::string events = echo(answer, text, delta.prompt_scores);
    OutJson choice = choice_json(text, delta.content);
    if (scores_) choice["logprobs"] = scores(answer, text, delta.scored);
    if (stream().wants_tokens) {
      add_said(choice, delta.said, delta.passes, true);
    }
    return events + chunk(answer, std::move(choice));
  }

  std::string finish(const Answer& answer, std::size_t text) override {
    const SaidText& said = answer.said[text];
    std::string events = echo(answer, text, {});
    OutJson choice = choice_json(text, "");
    if (scores_) choice["logprobs"] = scores(answer, text, {});
    choice["finish_reason"] = finish_word(said.generation.finish_reason);
    OutJson json = chunk_json(answer, std::move(choice));
    json["timings"] = timings_json(said);
    return events + sse_event(json);
  }

 private:
  static OutJson choice_json(std::size_t text, const std::string& words) {
    return {{"text", words},
            {"index", text},
            {"logprobs", nullptr},
            {"finish_reason", nullptr}};
  }

  // The prompt, once, before anything else of its text.
  std::string echo(const Answer& answer, std::size_t text,
                   const std::vector<TokenLogprobs>& prompt_scores) {
    if (echoed_[text]) return {};
    echoed_[text] = true;
    const WantedText& wanted = answer.wanted[text];
    if (wanted.echo.empty() && !wanted.request.prompt_logprobs) return {};
    OutJson choice = choice_json(text, wanted.echo);
    if (scores_) {
      LogprobColumns columns;
      add_prompt(columns, answer, text, prompt_scores);
      choice["logprobs"] = std::move(columns).json();
    }
    return chunk(answer, std::move(choice));
  }

  static OutJson scores(const Answer& answer, std::size_t text,
                        const std::vector<ScoredToken>& scored) {
    LogprobColumns columns;
    add_text(columns, answer, text, scored);
    return std::move(columns).json();
  }

  static void add_text(LogprobColumns& columns, const Answer& answer,
                       std::size_t text,
                       const std::vector<ScoredToken>& scored) {
    const std::int64_t before = count_characters(answer.wanted[text].echo);
    for (const ScoredToken& token : scored) {
      columns.add(answer.tokenizer(), token.token, &token.logprobs,
                  before + token.offset);
    }
  }

  // Nothing where the prompt's are not asked for.
  static void add_prompt(LogprobColumns& columns, const Answer& answer,
                         std::size_t text,
                         const std::vector<TokenLogprobs>& scores) {
    const WantedText& wanted = answer.wanted[text];
    if (!wanted.request.prompt_logprobs) return;
    const std::vector<Token>& prompt = wanted.request.prompt;
    const std::vector<std::int64_t> offsets =
        token_offsets(answer.tokenizer(), prompt, wanted.echo);
    for (std::size_t i = 0; i < prompt.size(); ++i) {
      const bool scored = i > 0 && i <= scores.size();
      columns.add(answer.tokenizer(), prompt[i],
                  scored ? &scores[i - 1] : nullptr, offsets[i]);
    }
  }

  std::string chunk(const Answer& answer, OutJson choice) const {
    return sse_event(chunk_json(answer, std::move(choice)));
  }

  const bool scores_;
  std::vector<bool> echoed_;  // [texts], of a stream
};

void complete(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const ServerContext& context = api.context;
  const std::string& source = exchange->request().body;
  const InJson body = parse_body(source);
  const Fields fields(body);
  check_model(fields, context);
  refuse_tool_fields(fields);
  WantedText text;
  text.request = decoding_fields(fields, context, {.least_tokens = 0});
  constrain_text(text, text_rule(fields, source), context);
  text.request.logprobs = fields.integer("logprobs", 0, kMostLogprobs);
  const bool echoes = fields.boolean("echo").value_or(false);
  text.request.prompt_logprobs = echoes && text.request.logprobs;
  const std::int64_t count = wanted_texts(fields, context);
  const StreamFields stream = stream_fields(fields);
  std::vector<TextPrompt> prompts = prompt_fields(fields, "prompt", context);
  if (std::ssize(prompts) * count > context.max_choices) {
    fields.refuse("prompt",
                  fmt::format("{} prompts and n {} ask for more than "
                              "{} texts",
                              prompts.size(), count, context.max_choices));
  }
  std::vector<WantedText> wanted;
  for (TextPrompt& prompt : prompts) {
    text.request.prompt = std::move(prompt.tokens);
    check_prompt(text.request, "prompt", context);
    if (echoes) text.echo = std::move(prompt.text);
    add_texts(wanted, text, count);
    ++text.prompt;
  }
  const bool scores = text.request.logprobs.has_value();
  TextRun::start(
      api.context, api.runs, exchange, std::move(wanted),
      std::make_unique<CompletionShape>(stream, scores),
      {.streams = stream.streams, .wants_tokens = stream.wants_tokens});
}

}  // namespace

void add_completion_routes(Router& router, Api& api) {
  router.add("POST", "/v1/completions",
             [&api](const auto& exchange) { complete(api, exchange); });
}

}  // namespace pilotfish::server
