// POST /v1/responses, OpenAI's newer route, without the server's memory: every
// request brings the whole conversation.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/conversation_fields.h"
#include "server/api/decoding_fields.h"
#include "server/api/response_events.h"
#include "server/api/routes.h"

namespace pilotfish::server {
namespace {

// nullopt: an item that is not read again.
std::optional<ChatMessage> input_item(const InJson& value,
                                      const std::string& path) {
  const Fields fields = Fields::of(value, path);
  const std::string type = fields.string("type").value_or("message");
  if (type == "reasoning") return std::nullopt;
  if (type != "message") {
    fields.refuse("type", fmt::format("\"{}\" is not supported yet; this "
                                      "server takes messages",
                                      type));
  }
  ChatMessage message;
  message.role = fields.string("role").value_or("");
  if (message.role == "developer") message.role = "system";
  if (message.role != "system" && message.role != "user" &&
      message.role != "assistant") {
    fields.refuse("role", "is not one of system, developer, user, assistant");
  }
  const InJson* content = fields.find("content");
  if (content == nullptr) fields.refuse("content", "is missing");
  message.content = content_text(*content, fields.path_of("content"),
                                 {"input_text", "output_text", "text"});
  return message;
}

std::vector<ChatMessage> input_messages(const Fields& fields) {
  std::vector<ChatMessage> messages;
  if (const auto instructions = fields.string("instructions")) {
    messages.push_back({"system", *instructions});
  }
  const InJson* input = fields.find("input");
  if (input == nullptr) fields.refuse("input", "is missing");
  if (input->is_string()) {
    messages.push_back({"user", input->get<std::string>()});
    return messages;
  }
  if (!input->is_array()) {
    fields.refuse("input", "is neither a text nor an array of items");
  }
  for (std::size_t i = 0; i < input->size(); ++i) {
    auto message = input_item((*input)[i], fmt::format("input[{}]", i));
    if (message) messages.push_back(std::move(*message));
  }
  if (messages.empty()) fields.refuse("input", "has no messages");
  return messages;
}

// Tools that only OpenAI's own servers have are passed over, as clients offer
// them to whoever answers.
void refuse_own_tools(const Fields& fields) {
  const InJson* tools = fields.array("tools");
  if (tools == nullptr) return;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    const std::string type =
        Fields::of((*tools)[i], path).string("type").value_or("");
    if (type == "function" || type == "custom") {
      throw ApiError(400, fmt::format("{}: {}", path, kNoTools), "tools",
                     "unsupported_parameter");
    }
  }
}

void refuse_memory(const Fields& fields) {
  fields.refuse_any({"previous_response_id", "conversation", "prompt"},
                    "this server keeps no responses; send the whole "
                    "conversation as input");
  fields.refuse_any({"background"},
                    "this server answers at once, or as a stream");
  const std::optional<Fields> text = fields.object("text");
  const std::optional<Fields> format =
      text ? text->object("format") : std::nullopt;
  if (format && format->string("type").value_or("text") != "text") {
    throw ApiError(400,
                   "text.format: this server does not constrain texts yet, so "
                   "type can only be \"text\"",
                   "text.format", "unsupported_parameter");
  }
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
  const InJson body = parse_body(exchange->request().body);
  const Fields fields(body);
  check_model(fields, context);
  refuse_memory(fields);
  refuse_own_tools(fields);
  WantedText text;
  text.request = decoding_fields(
      fields, context,
      {.max_tokens = {"max_output_tokens"}, .refuses_tools = false});
  text.request.logprobs = response_logprobs(fields);
  const StreamFields stream = stream_fields(fields);
  ChatPrompt prompt =
      chat_prompt(input_messages(fields), "input", fields, context);
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
