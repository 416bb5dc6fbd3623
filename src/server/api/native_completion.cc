// POST /completion, llama.cpp's own: a text goes on.

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/answer_fields.h"
#include "server/api/decoding_fields.h"
#include "server/api/prompt_fields.h"
#include "server/api/routes.h"

namespace pilotfish::server {
namespace {

constexpr std::int64_t kMostProbs = 100;

class NativeShape final : public AnswerShape {
 public:
  NativeShape(bool scores, std::string prompt)
      : scores_(scores), prompt_(std::move(prompt)) {}

  OutJson whole(const Answer& answer) override {
    if (answer.said.size() == 1) return last(answer, 0, false);
    OutJson all = OutJson::array();
    for (std::size_t i = 0; i < answer.said.size(); ++i) {
      all.push_back(last(answer, i, false));
    }
    return all;
  }

  std::string begin(const Answer&) override { return {}; }

  std::string delta(const Answer& answer, std::size_t text,
                    const Delta& delta) override {
    OutJson json = {
        {"index", text},
        {"content", delta.content},
        {"tokens", ids(delta.said)},
        {"stop", false},
        {"id_slot", -1},
        {"tokens_evaluated", answer.wanted[text].request.prompt.size()}};
    if (scores_) {
      json["completion_probabilities"] =
          logprobs_json(answer.tokenizer(), delta.scored);
    }
    return sse_event(json);
  }

  std::string finish(const Answer& answer, std::size_t text) override {
    return sse_event(last(answer, text, true));
  }

  std::string end(const Answer&) override { return {}; }

  std::string broke_off(const ApiError& error) override {
    return sse_event(error_json(error), "error");
  }

 private:
  static OutJson ids(const std::vector<SaidToken>& said) {
    OutJson ids = OutJson::array();
    for (const SaidToken& token : said) ids.push_back(token.token);
    return ids;
  }

  static const char* stop_type(FinishReason reason) {
    if (reason == FinishReason::kStopToken) return "eos";
    if (reason == FinishReason::kStopString) return "word";
    return "limit";
  }

  // A stream has sent the text already.
  OutJson last(const Answer& answer, std::size_t text, bool streamed) const {
    const SaidText& said = answer.said[text];
    const Request& request = answer.wanted[text].request;
    const GenerationStats& stats = said.generation.stats;
    OutJson json = {
        {"index", text},
        {"content", streamed ? std::string() : said.content},
        {"tokens", streamed ? OutJson::array() : ids(said.said)},
        {"id_slot", -1},
        {"stop", true},
        {"model", answer.model()},
        {"tokens_predicted", stats.generated_tokens},
        {"tokens_evaluated", stats.prompt_tokens},
        {"generation_settings",
         {{"n_predict", request.max_tokens},
          {"seed", request.sampling.seed},
          {"temperature", request.sampling.temperature},
          {"top_k", request.sampling.top_k},
          {"top_p", request.sampling.top_p},
          {"min_p", request.sampling.min_p},
          {"stop", request.stop_strings},
          {"stream", streamed}}},
        {"prompt", prompt_},
        {"has_new_line", said.content.find('\n') != std::string::npos},
        {"truncated", false},
        {"stop_type", stop_type(said.generation.finish_reason)},
        {"stopping_word", said.stop_string},
        {"tokens_cached", stats.prompt_tokens + stats.generated_tokens},
        {"timings", timings_json(said)}};
    if (scores_ && !streamed) {
      json["completion_probabilities"] =
          logprobs_json(answer.tokenizer(), said.scored);
    }
    return json;
  }

  const bool scores_;
  const std::string prompt_;
};

void complete_natively(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const ServerContext& context = api.context;
  const std::string& source = exchange->request().body;
  const InJson body = parse_body(source);
  const Fields fields(body);
  refuse_tool_fields(fields);
  WantedText text;
  text.request = decoding_fields(
      fields, context,
      {.max_tokens = {"n_predict", "max_tokens"}, .least_tokens = 0});
  constrain_text(text, text_rule(fields, source), context);
  const std::int64_t probs =
      fields.integer("n_probs", 0, kMostProbs).value_or(0);
  if (probs > 0) text.request.logprobs = probs;
  const StreamFields stream = stream_fields(fields);
  std::vector<TextPrompt> prompts =
      prompt_fields(fields, "prompt", context, true);
  if (std::ssize(prompts) > context.max_choices) {
    fields.refuse("prompt", "has too many texts");
  }
  std::string shown = prompts.size() == 1 ? prompts.front().text : "";
  std::vector<WantedText> wanted;
  for (TextPrompt& prompt : prompts) {
    text.request.prompt = std::move(prompt.tokens);
    check_prompt(text.request, "prompt", context);
    add_texts(wanted, text, 1);
    ++text.prompt;
  }
  TextRun::start(
      api.context, api.runs, exchange, std::move(wanted),
      std::make_unique<NativeShape>(probs > 0, std::move(shown)),
      {.streams = stream.streams, .wants_tokens = stream.wants_tokens});
}

}  // namespace

void add_native_routes(Router& router, Api& api) {
  for (const char* path : {"/completion", "/completions"}) {
    router.add("POST", path, [&api](const auto& exchange) {
      complete_natively(api, exchange);
    });
  }
}

}  // namespace pilotfish::server
