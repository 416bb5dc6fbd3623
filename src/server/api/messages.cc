// POST /v1/messages, Anthropic's: the next message of a conversation, in blocks
// of what is thought and what is said.

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/answer_fields.h"
#include "server/api/conversation_fields.h"
#include "server/api/decoding_fields.h"
#include "server/api/routes.h"
#include "server/api/tool_fields.h"
#include "server/json_slice.h"

namespace pilotfish::server {
namespace {

class MessageShape final : public AnswerShape {
 public:
  OutJson whole(const Answer& answer) override {
    const SaidText& said = answer.said.front();
    OutJson json = head(answer);
    if (!said.reasoning.empty()) {
      json["content"].push_back({{"type", "thinking"},
                                 {"thinking", said.reasoning},
                                 {"signature", ""}});
    }
    if (!said.content.empty() ||
        (said.reasoning.empty() && said.calls.empty())) {
      json["content"].push_back({{"type", "text"}, {"text", said.content}});
    }
    for (const SaidCall& call : said.calls) {
      OutJson block = call_block(answer, call.index, call.name);
      // One that was cut is no JSON.
      OutJson input = OutJson::parse(call.arguments, nullptr, false);
      if (!input.is_discarded()) block["input"] = std::move(input);
      json["content"].push_back(std::move(block));
    }
    json["stop_reason"] = stop_reason(said);
    json["stop_sequence"] = stop_sequence(said);
    json["usage"] = usage(answer);
    json["timings"] = timings_json(said);
    return json;
  }

  std::string begin(const Answer& answer) override {
    OutJson message = head(answer);
    message["usage"] = {
        {"input_tokens", answer.wanted.front().request.prompt.size()},
        {"output_tokens", 0},
        {"cache_creation_input_tokens", 0},
        {"cache_read_input_tokens", 0}};
    return event({{"type", "message_start"}, {"message", std::move(message)}});
  }

  std::string delta(const Answer& answer, std::size_t,
                    const Delta& delta) override {
    std::string events;
    if (!delta.reasoning.empty()) {
      events += enter(Block::kThinking);
      events += block_delta(
          {{"type", "thinking_delta"}, {"thinking", delta.reasoning}});
    }
    if (!delta.content.empty()) {
      events += enter(Block::kText);
      events += block_delta({{"type", "text_delta"}, {"text", delta.content}});
    }
    for (const ToolCallDelta& call : delta.calls) {
      if (!call.name.empty()) {
        events +=
            begin(Block::kCall, call_block(answer, call.index, call.name));
      }
      if (call.arguments.empty()) continue;
      events += block_delta(
          {{"type", "input_json_delta"}, {"partial_json", call.arguments}});
    }
    return events;
  }

  std::string finish(const Answer& answer, std::size_t text) override {
    const SaidText& said = answer.said[text];
    std::string events;
    // There is one block at least, as there is without streaming.
    if (block_ == Block::kNone) events += enter(Block::kText);
    events += leave();
    events += event({{"type", "message_delta"},
                     {"delta",
                      {{"stop_reason", stop_reason(said)},
                       {"stop_sequence", stop_sequence(said)}}},
                     {"usage", usage(answer)},
                     {"timings", timings_json(said)}});
    return events + event({{"type", "message_stop"}});
  }

  std::string end(const Answer&) override { return {}; }

  std::string broke_off(const ApiError& error) override {
    return event(message_error_json(error));
  }
  std::string ping() override { return event({{"type", "ping"}}); }
  HttpResponse refusal(const ApiError& error) override {
    return message_error_response(error);
  }

 private:
  enum class Block { kNone, kThinking, kText, kCall };

  static std::string event(const OutJson& data) {
    return sse_event(data, data["type"].get<std::string>());
  }

  static OutJson head(const Answer& answer) {
    return {{"id", "msg_" + answer.id},    {"type", "message"},
            {"role", "assistant"},         {"model", answer.model()},
            {"content", OutJson::array()}, {"stop_reason", nullptr},
            {"stop_sequence", nullptr}};
  }

  // Anthropic counts what was cached apart.
  static OutJson usage(const Answer& answer) {
    const Usage usage = answer.usage();
    return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
            {"output_tokens", usage.generated_tokens},
            {"cache_creation_input_tokens", 0},
            {"cache_read_input_tokens", usage.cached_tokens}};
  }

  static OutJson call_block(const Answer& answer, std::size_t index,
                            const std::string& name) {
    return {{"type", "tool_use"},
            {"id", call_id(answer, 0, index)},
            {"name", name},
            {"input", OutJson::object()}};
  }

  static const char* stop_reason(const SaidText& said) {
    if (ends_with_calls(said)) return "tool_use";
    switch (said.generation.finish_reason) {
      case FinishReason::kStopToken:
        return "end_turn";
      case FinishReason::kStopString:
        return "stop_sequence";
      default:
        return "max_tokens";
    }
  }
  static OutJson stop_sequence(const SaidText& said) {
    return said.stop_string.empty() ? OutJson() : OutJson(said.stop_string);
  }

  std::string enter(Block block) {
    if (block == block_) return {};
    return begin(
        block,
        block == Block::kThinking
            ? OutJson{{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}
            : OutJson{{"type", "text"}, {"text", ""}});
  }
  std::string begin(Block block, OutJson content) {
    std::string events = leave();
    block_ = block;
    return events + event({{"type", "content_block_start"},
                           {"index", index_},
                           {"content_block", std::move(content)}});
  }
  std::string leave() {
    if (block_ == Block::kNone) return {};
    block_ = Block::kNone;
    return event({{"type", "content_block_stop"}, {"index", index_++}});
  }
  std::string block_delta(OutJson delta) const {
    return event({{"type", "content_block_delta"},
                  {"index", index_},
                  {"delta", std::move(delta)}});
  }

  Block block_ = Block::kNone;
  int index_ = 0;  // of the block
};

// {"type": "tool_use"} as OpenAI's call. `text` is that of the block.
OutJson call_of(const Fields& block, std::string_view text) {
  const std::string name = block.string("name").value_or("");
  if (!is_tool_name(name)) block.refuse("name", "is no name of a tool");
  if (!block.object("input")) block.refuse("input", "is missing");
  return {{"id", block.string("id").value_or("")},
          {"type", "function"},
          {"function",
           {{"name", name}, {"arguments", json_member(text, "input")}}}};
}

ChatMessage result_of(const Fields& block) {
  ChatMessage message = {.role = "tool"};
  if (const InJson* content = block.find("content")) {
    message.content =
        content_text(*content, block.path_of("content"), {"text"});
  }
  const std::string id = block.string("tool_use_id").value_or("");
  if (id.empty()) block.refuse("tool_use_id", "is missing");
  message.fields_json = json_text({{"tool_call_id", id}});
  return message;
}

// Adds a turn: what tools returned comes before what the user says to it.
void add_turn(std::vector<ChatMessage>& messages, const InJson& value,
              const std::string& path, std::string_view text) {
  const Fields fields = Fields::of(value, path);
  ChatMessage message;
  message.role = fields.string("role").value_or("");
  const bool is_user = message.role == "user";
  if (!is_user && message.role != "assistant") {
    fields.refuse("role", "is neither user nor assistant");
  }
  const InJson* content = fields.find("content");
  if (content == nullptr) fields.refuse("content", "is missing");
  if (!content->is_array()) {
    message.content =
        content_text(*content, fields.path_of("content"), {"text"});
    messages.push_back(std::move(message));
    return;
  }
  const auto texts = json_elements(json_member(text, "content"));
  std::string said;
  OutJson calls = OutJson::array();
  bool is_answer = false;  // of tools, with nothing that the user says
  for (std::size_t i = 0; i < content->size(); ++i) {
    const Fields block = Fields::of(
        (*content)[i], fmt::format("{}[{}]", fields.path_of("content"), i));
    const std::string type = block.string("type").value_or("");
    // What was thought earlier is not read again.
    if (type == "thinking" || type == "redacted_thinking") continue;
    if (type == "tool_use" && !is_user) {
      calls.push_back(call_of(block, texts[i]));
    } else if (type == "tool_result" && is_user) {
      messages.push_back(result_of(block));
      is_answer = true;
    } else {
      said += part_text(block, {"text"});
    }
  }
  if (is_answer && said.empty()) return;
  message.content = std::move(said);
  if (!calls.empty()) message.tool_calls_json = json_text(calls);
  messages.push_back(std::move(message));
}

std::vector<ChatMessage> turns(const Fields& fields, std::string_view body) {
  std::vector<ChatMessage> messages;
  if (const InJson* system = fields.find("system")) {
    messages.push_back({"system", content_text(*system, "system", {"text"})});
  }
  const InJson* array = fields.array("messages");
  if (array == nullptr || array->empty()) {
    fields.refuse("messages", "has no messages");
  }
  const auto texts = json_elements(json_member(body, "messages"));
  for (std::size_t i = 0; i < array->size(); ++i) {
    add_turn(messages, (*array)[i], fmt::format("messages[{}]", i), texts[i]);
  }
  return messages;
}

void answer_message(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const ServerContext& context = api.context;
  const std::string& source = exchange->request().body;
  const InJson body = parse_body(source);
  const Fields fields(body);
  check_model(fields, context);
  ToolFields tools = message_tool_fields(fields, source);
  WantedText text;
  text.request = decoding_fields(fields, context, {.stop = "stop_sequences"});
  if (!fields.has("max_tokens")) fields.refuse("max_tokens", "is missing");
  const StreamFields stream = stream_fields(fields);
  ChatPrompt prompt = chat_prompt(turns(fields, source), tools.tools_json,
                                  "messages", fields, context);
  constrain_answer(text, text_rule(fields, source), std::move(tools),
                   thinking_of(prompt, true, context), context);
  text.request.prompt = std::move(prompt.tokens);
  check_prompt(text.request, "messages", context);
  text.opens_reasoning = opens_reasoning(prompt.rendered.text);
  TextRun::start(api.context, api.runs, exchange, {std::move(text)},
                 std::make_unique<MessageShape>(),
                 {.streams = stream.streams, .splits_reasoning = true});
}

void count_tokens(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const std::string& source = exchange->request().body;
  const InJson body = parse_body(source);
  const Fields fields(body);
  check_model(fields, api.context);
  const ChatPrompt prompt = chat_prompt(
      turns(fields, source), message_tool_fields(fields, source).tools_json,
      "messages", fields, api.context);
  HttpResponse response;
  response.body = json_text({{"input_tokens", prompt.tokens.size()}});
  exchange->respond(std::move(response));
}

}  // namespace

void add_message_routes(Router& router, Api& api) {
  router.add("POST", "/v1/messages",
             [&api](const auto& exchange) { answer_message(api, exchange); });
  router.add("POST", "/v1/messages/count_tokens",
             [&api](const auto& exchange) { count_tokens(api, exchange); });
}

}  // namespace pilotfish::server
