// POST /v1/responses, OpenAI's newer route, without the server's memory: every
// request brings the whole conversation.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/answer_fields.h"
#include "server/api/conversation_fields.h"
#include "server/api/decoding_fields.h"
#include "server/api/response_events.h"
#include "server/api/routes.h"
#include "server/api/tool_fields.h"
#include "server/json_slice.h"

namespace pilotfish::server {
namespace {

std::string required_string(const Fields& fields, std::string_view name) {
  std::optional<std::string> text = fields.string(name);
  if (!text) fields.refuse(name, "is missing");
  return std::move(*text);
}

// Puts a conversation together from items: a call belongs to what the assistant
// says just before it.
class ItemReader {
 public:
  void add(const Fields& item) {
    const std::string type = item.string("type").value_or("message");
    if (type == "reasoning") return;  // is not read again
    if (type == "message") {
      add_message(item);
    } else if (type == "function_call") {
      add_call(item);
    } else if (type == "function_call_output") {
      add_result(item);
    } else {
      item.refuse("type", fmt::format("\"{}\" is not supported; this server "
                                      "takes messages, function calls and "
                                      "their outputs",
                                      type));
    }
  }

  void add_text(std::string role, std::string text) {
    end_calls();
    messages_.push_back({std::move(role), std::move(text)});
  }

  std::vector<ChatMessage> done() && {
    end_calls();
    return std::move(messages_);
  }

 private:
  void add_message(const Fields& item) {
    std::string role = item.string("role").value_or("");
    if (role == "developer") role = "system";
    if (role != "system" && role != "user" && role != "assistant") {
      item.refuse("role", "is not one of system, developer, user, assistant");
    }
    const InJson* content = item.find("content");
    if (content == nullptr) item.refuse("content", "is missing");
    add_text(std::move(role),
             content_text(*content, item.path_of("content"),
                          {"input_text", "output_text", "text"}));
  }

  void add_call(const Fields& item) {
    const std::string name = required_string(item, "name");
    if (!is_tool_name(name)) item.refuse("name", "is no name of a tool");
    calls_.push_back({{"id", required_string(item, "call_id")},
                      {"type", "function"},
                      {"function",
                       {{"name", name},
                        {"arguments", required_string(item, "arguments")}}}});
  }

  void add_result(const Fields& item) {
    end_calls();
    const InJson* output = item.find("output");
    if (output == nullptr) item.refuse("output", "is missing");
    ChatMessage message = {"tool",
                           content_text(*output, item.path_of("output"),
                                        {"input_text", "output_text", "text"})};
    message.fields_json =
        json_text({{"tool_call_id", required_string(item, "call_id")}});
    messages_.push_back(std::move(message));
  }

  void end_calls() {
    if (calls_.empty()) return;
    if (messages_.empty() || messages_.back().role != "assistant") {
      messages_.push_back({.role = "assistant"});
    }
    messages_.back().tool_calls_json =
        json_text(std::exchange(calls_, OutJson::array()));
  }

  std::vector<ChatMessage> messages_;
  OutJson calls_ = OutJson::array();
};

std::vector<ChatMessage> input_messages(const Fields& fields) {
  ItemReader reader;
  if (const auto instructions = fields.string("instructions")) {
    reader.add_text("system", *instructions);
  }
  const InJson* input = fields.find("input");
  if (input == nullptr) fields.refuse("input", "is missing");
  if (input->is_string()) {
    reader.add_text("user", input->get<std::string>());
    return std::move(reader).done();
  }
  if (!input->is_array()) {
    fields.refuse("input", "is neither a text nor an array of items");
  }
  for (std::size_t i = 0; i < input->size(); ++i) {
    reader.add(Fields::of((*input)[i], fmt::format("input[{}]", i)));
  }
  std::vector<ChatMessage> messages = std::move(reader).done();
  if (messages.empty()) fields.refuse("input", "has no messages");
  return messages;
}

// {"format": {"type", "schema", "strict"}}
std::optional<TextRule> response_rule(const Fields& fields,
                                      std::string_view body) {
  std::optional<TextRule> rule = text_rule(fields, body);
  const std::optional<Fields> text = fields.object("text");
  const std::optional<Fields> format =
      text ? text->object("format") : std::nullopt;
  if (!format) return rule;
  std::optional<TextRule> other =
      format_rule(*format, json_member(json_member(body, "text"), "format"));
  if (rule && other) {
    text->refuse("format",
                 fmt::format("cannot be kept beside {}", rule->where));
  }
  return other ? other : rule;
}

void refuse_memory(const Fields& fields) {
  fields.refuse_any({"previous_response_id", "conversation", "prompt"},
                    "this server keeps no responses; send the whole "
                    "conversation as input");
  fields.refuse_any({"background"},
                    "this server answers at once, or as a stream");
}

std::optional<std::int64_t> response_logprobs(const Fields& fields) {
  const InJson* include = fields.array("include");
  const auto top = fields.integer("top_logprobs", 0, 20);
  const bool included =
      include != nullptr &&
      std::ranges::count(*include, "message.output_text.logprobs") > 0;
  if (!included && top.value_or(0) == 0) return std::nullopt;
  return top.value_or(0);
}

void respond_statelessly(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const ServerContext& context = api.context;
  const std::string& source = exchange->request().body;
  const InJson body = parse_body(source);
  const Fields fields(body);
  check_model(fields, context);
  refuse_memory(fields);
  ToolFields tools = response_tool_fields(fields, source);
  WantedText text;
  text.request =
      decoding_fields(fields, context, {.max_tokens = {"max_output_tokens"}});
  text.request.logprobs = response_logprobs(fields);
  const StreamFields stream = stream_fields(fields);
  ChatPrompt prompt = chat_prompt(input_messages(fields), tools.tools_json,
                                  "input", fields, context);
  constrain_answer(text, response_rule(fields, source), std::move(tools),
                   thinking_of(prompt, true, context), context);
  text.request.prompt = std::move(prompt.tokens);
  check_prompt(text.request, "input", context);
  text.opens_reasoning = opens_reasoning(prompt.rendered.text);
  auto shape = response_shape(fields, text.request);
  TextRun::start(api.context, api.runs, exchange, {std::move(text)},
                 std::move(shape),
                 {.streams = stream.streams, .splits_reasoning = true});
}

}  // namespace

void add_response_routes(Router& router, Api& api) {
  router.add("POST", "/v1/responses", [&api](const auto& exchange) {
    respond_statelessly(api, exchange);
  });
}

}  // namespace pilotfish::server
