// POST /v1/completions, OpenAI's older route: a text goes on.

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/decoding_fields.h"
#include "server/api/prompt_fields.h"
#include "server/api/routes.h"
#include "server/api/token_words.h"

namespace pilotfish::server {
namespace {

constexpr std::int64_t kMostLogprobs = 100;

class CompletionShape final : public AnswerShape {
 public:
  CompletionShape(const StreamFields& stream, bool scores)
      : stream_(stream), scores_(scores) {}

  OutJson whole(const Answer& answer) override {
    OutJson choices = OutJson::array();
    for (std::size_t i = 0; i < answer.said.size(); ++i) {
      const SaidText& said = answer.said[i];
      OutJson choice = choice_json(
          answer, i, answer.wanted[i].echo + said.content, said.scored);
      if (stream_.wants_tokens) {
        add_said(choice, said.said, said.passes, false);
      }
      choice["finish_reason"] = finish_word(said.generation.finish_reason);
      choices.push_back(std::move(choice));
    }
    OutJson json = head(answer);
    json["choices"] = std::move(choices);
    json["usage"] = usage_json(answer.usage());
    json["timings"] = timings_json(answer.said.front());
    return json;
  }

  std::string begin(const Answer& answer) override {
    std::string events;
    for (std::size_t i = 0; i < answer.wanted.size(); ++i) {
      const std::string& echo = answer.wanted[i].echo;
      if (!echo.empty()) {
        events += chunk(answer, choice_json(answer, i, echo, {}));
      }
    }
    return events;
  }

  std::string delta(const Answer& answer, std::size_t text,
                    const Delta& delta) override {
    OutJson choice = choice_json(answer, text, delta.content, delta.scored);
    if (stream_.wants_tokens) {
      add_said(choice, delta.said, delta.passes, true);
    }
    return chunk(answer, std::move(choice));
  }

  std::string finish(const Answer& answer, std::size_t text) override {
    const SaidText& said = answer.said[text];
    OutJson choice = choice_json(answer, text, "", {});
    choice["finish_reason"] = finish_word(said.generation.finish_reason);
    OutJson json = chunk_json(answer, std::move(choice));
    json["timings"] = timings_json(said);
    return sse_event(json);
  }

  std::string end(const Answer& answer) override {
    std::string events;
    if (stream_.includes_usage) {
      OutJson json = head(answer);
      json["choices"] = OutJson::array();
      json["usage"] = usage_json(answer.usage());
      events = sse_event(json);
    }
    return events + "data: [DONE]\n\n";
  }

  std::string broke_off(const ApiError& error) override {
    return sse_event(error_json(error), "error");
  }

 private:
  OutJson head(const Answer& answer) const {
    return {{"id", "cmpl-" + answer.id},
            {"object", "text_completion"},
            {"created", answer.created},
            {"model", answer.model()},
            {"system_fingerprint", answer.fingerprint}};
  }

  OutJson choice_json(const Answer& answer, std::size_t text,
                      const std::string& words,
                      const std::vector<ScoredToken>& scored) const {
    OutJson choice = {{"text", words},
                      {"index", text},
                      {"logprobs", nullptr},
                      {"finish_reason", nullptr}};
    if (scores_) choice["logprobs"] = scores(answer, text, scored);
    return choice;
  }

  // In the shape of this route: four arrays side by side.
  static OutJson scores(const Answer& answer, std::size_t text,
                        const std::vector<ScoredToken>& scored) {
    const Tokenizer& tokenizer = answer.tokenizer();
    const std::int64_t before = count_characters(answer.wanted[text].echo);
    OutJson tokens = OutJson::array();
    OutJson logprobs = OutJson::array();
    OutJson tops = OutJson::array();
    OutJson offsets = OutJson::array();
    for (const ScoredToken& token : scored) {
      const auto words = [&](Token id) {
        return valid_text(token_bytes(tokenizer, id));
      };
      const double logprob = finite_logprob(token.logprobs.logprob);
      OutJson top = OutJson::object();
      for (const TokenLogprobs::Candidate& candidate : token.logprobs.top) {
        top[words(candidate.token)] = finite_logprob(candidate.logprob);
      }
      top[words(token.token)] = logprob;
      tokens.push_back(words(token.token));
      logprobs.push_back(logprob);
      tops.push_back(std::move(top));
      offsets.push_back(before + token.offset);
    }
    return {{"text_offset", std::move(offsets)},
            {"token_logprobs", std::move(logprobs)},
            {"tokens", std::move(tokens)},
            {"top_logprobs", std::move(tops)}};
  }

  OutJson chunk_json(const Answer& answer, OutJson choice) const {
    OutJson json = head(answer);
    json["choices"] = OutJson::array({std::move(choice)});
    if (stream_.includes_usage) json["usage"] = nullptr;
    return json;
  }
  std::string chunk(const Answer& answer, OutJson choice) const {
    return sse_event(chunk_json(answer, std::move(choice)));
  }

  const StreamFields stream_;
  const bool scores_;
};

void complete(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const ServerContext& context = api.context;
  const InJson body = parse_body(exchange->request().body);
  const Fields fields(body);
  check_model(fields, context);
  WantedText text;
  text.request = decoding_fields(fields, context);
  text.request.logprobs = fields.integer("logprobs", 0, kMostLogprobs);
  const bool echoes = fields.boolean("echo").value_or(false);
  if (echoes && text.request.logprobs) {
    fields.refuse("logprobs",
                  "are of generated tokens alone; they cannot be "
                  "had with echo");
  }
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
