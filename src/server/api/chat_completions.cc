// POST /v1/chat/completions, OpenAI's: the next message of a conversation.

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/answer_fields.h"
#include "server/api/choices_shape.h"
#include "server/api/conversation_fields.h"
#include "server/api/decoding_fields.h"
#include "server/api/routes.h"

namespace pilotfish::server {
namespace {

constexpr std::int64_t kMostChatLogprobs = 100;

class ChatShape final : public ChoicesShape {
 public:
  ChatShape(const StreamFields& stream, bool scores)
      : ChoicesShape({"chatcmpl-", "chat.completion", "chat.completion.chunk"},
                     stream),
        scores_(scores) {}

  OutJson whole(const Answer& answer) override {
    OutJson choices = OutJson::array();
    for (std::size_t i = 0; i < answer.said.size(); ++i) {
      const SaidText& said = answer.said[i];
      OutJson message = {{"role", "assistant"},
                         {"content", said.content},
                         {"refusal", nullptr}};
      if (!said.calls.empty()) {
        if (said.content.empty()) message["content"] = nullptr;
        message["tool_calls"] = calls(answer, i);
      }
      if (!said.reasoning.empty()) {
        message["reasoning_content"] = said.reasoning;
      }
      OutJson choice = {
          {"index", i},
          {"message", std::move(message)},
          {"logprobs", scores_ ? scores(answer, said.scored) : OutJson()},
          {"finish_reason", finish_word_of(said)}};
      if (stream().wants_tokens) {
        add_said(choice, said.said, said.passes, false);
      }
      choices.push_back(std::move(choice));
    }
    return whole_json(answer, std::move(choices));
  }

  std::string begin(const Answer& answer) override {
    std::string events;
    for (std::size_t i = 0; i < answer.wanted.size(); ++i) {
      events +=
          sse_event(chunk(answer, i, {{"role", "assistant"}, {"content", ""}}));
    }
    return events;
  }

  std::string delta(const Answer& answer, std::size_t text,
                    const Delta& delta) override {
    OutJson words = OutJson::object();
    if (!delta.reasoning.empty()) words["reasoning_content"] = delta.reasoning;
    if (!delta.content.empty()) words["content"] = delta.content;
    if (!delta.calls.empty()) {
      words["tool_calls"] = call_deltas(answer, text, delta.calls);
    }
    OutJson json = chunk(answer, text, std::move(words));
    OutJson& choice = json["choices"][0];
    if (scores_) choice["logprobs"] = scores(answer, delta.scored);
    if (stream().wants_tokens) {
      add_said(choice, delta.said, delta.passes, true);
    }
    return sse_event(json);
  }

  std::string finish(const Answer& answer, std::size_t text) override {
    const SaidText& said = answer.said[text];
    OutJson json = chunk(answer, text, OutJson::object());
    json["choices"][0]["finish_reason"] = finish_word_of(said);
    json["timings"] = timings_json(said);
    return sse_event(json);
  }

 private:
  OutJson chunk(const Answer& answer, std::size_t text, OutJson delta) const {
    return chunk_json(answer, {{"index", text},
                               {"delta", std::move(delta)},
                               {"finish_reason", nullptr}});
  }

  static std::string_view finish_word_of(const SaidText& said) {
    return ends_with_calls(said) ? "tool_calls"
                                 : finish_word(said.generation.finish_reason);
  }

  static OutJson calls(const Answer& answer, std::size_t text) {
    OutJson calls = OutJson::array();
    for (const SaidCall& call : answer.said[text].calls) {
      calls.push_back(
          {{"id", call_id(answer, text, call.index)},
           {"type", "function"},
           {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    }
    return calls;
  }

  static OutJson call_deltas(const Answer& answer, std::size_t text,
                             const std::vector<ToolCallDelta>& deltas) {
    OutJson calls = OutJson::array();
    for (const ToolCallDelta& delta : deltas) {
      OutJson call = {{"index", delta.index}};
      if (!delta.name.empty()) {
        call["id"] = call_id(answer, text, delta.index);
        call["type"] = "function";
        call["function"]["name"] = delta.name;
      }
      call["function"]["arguments"] = delta.arguments;
      calls.push_back(std::move(call));
    }
    return calls;
  }

  static OutJson scores(const Answer& answer,
                        const std::vector<ScoredToken>& scored) {
    return {{"content", logprobs_json(answer.tokenizer(), scored)},
            {"refusal", nullptr}};
  }

  const bool scores_;
};

// How many of the most probable tokens to tell beside each; nullopt: none are
// asked for.
std::optional<std::int64_t> chat_logprobs(const Fields& fields) {
  const auto top = fields.integer("top_logprobs", 0, kMostChatLogprobs);
  if (fields.boolean("logprobs").value_or(false)) return top.value_or(0);
  if (top.value_or(0) > 0) {
    fields.refuse("top_logprobs", "needs logprobs to be true");
  }
  return std::nullopt;
}

void chat(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const ServerContext& context = api.context;
  const std::string& source = exchange->request().body;
  const InJson body = parse_body(source);
  const Fields fields(body);
  check_model(fields, context);
  ToolFields tools = chat_tool_fields(fields, source);
  WantedText text;
  text.request = decoding_fields(
      fields, context, {.max_tokens = {"max_completion_tokens", "max_tokens"}});
  text.request.logprobs = chat_logprobs(fields);
  const std::int64_t count = wanted_texts(fields, context);
  const StreamFields stream = stream_fields(fields);
  const bool splits = splits_reasoning(fields);
  ChatPrompt prompt =
      chat_prompt(message_fields(fields, "messages"), tools.tools_json,
                  "messages", fields, context);
  constrain_answer(text, text_rule(fields, source), std::move(tools),
                   thinking_of(prompt, splits, context), context);
  text.request.prompt = std::move(prompt.tokens);
  check_prompt(text.request, "messages", context);
  text.opens_reasoning = opens_reasoning(prompt.rendered.text);
  std::vector<WantedText> wanted;
  add_texts(wanted, text, count);
  TextRun::start(
      api.context, api.runs, exchange, std::move(wanted),
      std::make_unique<ChatShape>(stream, text.request.logprobs.has_value()),
      {.streams = stream.streams,
       .wants_tokens = stream.wants_tokens,
       .splits_reasoning = splits});
}

}  // namespace

void add_chat_routes(Router& router, Api& api) {
  router.add("POST", "/v1/chat/completions",
             [&api](const auto& exchange) { chat(api, exchange); });
}

}  // namespace pilotfish::server
