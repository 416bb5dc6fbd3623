// POST /v1/messages, Anthropic's: the next message of a conversation, in blocks
// of what is thought and what is said.

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/conversation_fields.h"
#include "server/api/decoding_fields.h"
#include "server/api/routes.h"

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
    if (!said.content.empty() || said.reasoning.empty()) {
      json["content"].push_back({{"type", "text"}, {"text", said.content}});
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

  std::string delta(const Answer&, std::size_t, const Delta& delta) override {
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
  enum class Block { kNone, kThinking, kText };

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

  static const char* stop_reason(const SaidText& said) {
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
    std::string events = leave();
    block_ = block;
    OutJson content =
        block == Block::kThinking
            ? OutJson{{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}
            : OutJson{{"type", "text"}, {"text", ""}};
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

ChatMessage turn_at(const InJson& value, const std::string& path) {
  const Fields fields = Fields::of(value, path);
  ChatMessage message;
  message.role = fields.string("role").value_or("");
  if (message.role != "user" && message.role != "assistant") {
    fields.refuse("role", "is neither user nor assistant");
  }
  const InJson* content = fields.find("content");
  if (content == nullptr) fields.refuse("content", "is missing");
  if (!content->is_array()) {
    message.content =
        content_text(*content, fields.path_of("content"), {"text"});
    return message;
  }
  // What was thought earlier is not read again.
  InJson said = InJson::array();
  for (const InJson& block : *content) {
    const bool thought = block.is_object() &&
                         (block.value("type", InJson()) == "thinking" ||
                          block.value("type", InJson()) == "redacted_thinking");
    if (!thought) said.push_back(block);
  }
  message.content = content_text(said, fields.path_of("content"), {"text"});
  return message;
}

std::vector<ChatMessage> turns(const Fields& fields) {
  std::vector<ChatMessage> messages;
  if (const InJson* system = fields.find("system")) {
    messages.push_back({"system", content_text(*system, "system", {"text"})});
  }
  const InJson* array = fields.array("messages");
  if (array == nullptr || array->empty()) {
    fields.refuse("messages", "has no messages");
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    messages.push_back(turn_at((*array)[i], fmt::format("messages[{}]", i)));
  }
  return messages;
}

void answer_message(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const ServerContext& context = api.context;
  const InJson body = parse_body(exchange->request().body);
  const Fields fields(body);
  check_model(fields, context);
  WantedText text;
  text.request = decoding_fields(fields, context, {.stop = "stop_sequences"});
  if (!fields.has("max_tokens")) fields.refuse("max_tokens", "is missing");
  const StreamFields stream = stream_fields(fields);
  ChatPrompt prompt = chat_prompt(turns(fields), "messages", fields, context);
  text.request.prompt = std::move(prompt.tokens);
  check_prompt(text.request, "messages", context);
  text.opens_reasoning = opens_reasoning(prompt.rendered.text);
  TextRun::start(api.context, api.runs, exchange, {std::move(text)},
                 std::make_unique<MessageShape>(),
                 {.streams = stream.streams, .splits_reasoning = true});
}

void count_tokens(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const InJson body = parse_body(exchange->request().body);
  const Fields fields(body);
  check_model(fields, api.context);
  const ChatPrompt prompt =
      chat_prompt(turns(fields), "messages", fields, api.context);
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
