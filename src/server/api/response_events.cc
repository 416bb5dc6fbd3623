#include "server/api/response_events.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace pilotfish::server {
namespace {

// What a response repeats of its request.
struct ResponseRequest {
  OutJson instructions = nullptr;
  OutJson max_output_tokens = nullptr;
  OutJson metadata = OutJson::object();
  OutJson tools = OutJson::array();
  OutJson tool_choice = "auto";
  OutJson parallel_tool_calls = true;
  OutJson text = {{"format", {{"type", "text"}}}};
  double temperature = 0;
  double top_p = 1;
  bool scores = false;
};

class ResponseShape final : public AnswerShape {
 public:
  explicit ResponseShape(ResponseRequest request)
      : request_(std::move(request)) {}

  OutJson whole(const Answer& answer) override;
  std::string begin(const Answer& answer) override;
  std::string delta(const Answer& answer, std::size_t text,
                    const Delta& delta) override;
  std::string finish(const Answer& answer, std::size_t text) override;
  std::string end(const Answer& answer) override;
  std::string broke_off(const ApiError& error) override;

 private:
  enum class Item { kNone, kReasoning, kMessage, kCall };

  OutJson send_scores();
  std::string event(const char* type, OutJson data);
  // Where in the response the part is that is written now.
  OutJson place(const Answer& answer) const;
  OutJson part(const OutJson& text) const;
  OutJson item(const Answer& answer, const char* status) const;
  OutJson call_item(const Answer& answer, const char* status) const;
  std::string enter(const Answer& answer, Item item);
  std::string enter_call(const Answer& answer, const ToolCallDelta& call);
  std::string complete(const Answer& answer);
  std::string leave(const Answer& answer, const char* status);
  OutJson response(const Answer& answer, const char* status) const;
  // Complete: "completed" or "incomplete".
  OutJson whole_response(const Answer& answer) const;

  const ResponseRequest request_;
  std::int64_t sequence_ = 0;
  // The item that is written now.
  Item item_ = Item::kNone;
  std::string text_;  // or the arguments of a call
  std::string call_name_;
  std::size_t call_ = 0;  // its index
  OutJson scores_ = OutJson::array();
  OutJson unsent_scores_ = OutJson::array();
  OutJson output_ = OutJson::array();  // complete items
};

bool is_complete(const Answer& answer) {
  return finish_word(answer.said.front().generation.finish_reason) == "stop";
}

const char* status_of(const Answer& answer) {
  return is_complete(answer) ? "completed" : "incomplete";
}

OutJson ResponseShape::whole(const Answer& answer) {
  const SaidText& said = answer.said.front();
  // The same way as a stream goes, whose events nobody sees.
  Delta all;
  all.reasoning = said.reasoning;
  all.content = said.content;
  for (const SaidCall& call : said.calls) {
    all.calls.push_back({call.index, call.name, call.arguments});
  }
  all.scored = said.scored;
  delta(answer, 0, all);
  finish(answer, 0);
  return whole_response(answer);
}

std::string ResponseShape::begin(const Answer& answer) {
  const OutJson json = {{"response", response(answer, "in_progress")}};
  std::string events = event("response.created", json);
  return events += event("response.in_progress", json);
}

std::string ResponseShape::delta(const Answer& answer, std::size_t,
                                 const Delta& delta) {
  std::string events;
  if (request_.scores) {
    for (OutJson& score : logprobs_json(answer.tokenizer(), delta.scored)) {
      unsent_scores_.push_back(std::move(score));
    }
  }
  if (!delta.reasoning.empty()) {
    events += enter(answer, Item::kReasoning);
    text_ += delta.reasoning;
    OutJson json = place(answer);
    json["delta"] = delta.reasoning;
    events += event("response.reasoning_text.delta", std::move(json));
  }
  if (!delta.content.empty()) {
    events += enter(answer, Item::kMessage);
    text_ += delta.content;
    OutJson json = place(answer);
    json["delta"] = delta.content;
    json["logprobs"] = send_scores();
    events += event("response.output_text.delta", std::move(json));
  }
  for (const ToolCallDelta& call : delta.calls) {
    if (!call.name.empty()) events += enter_call(answer, call);
    if (call.arguments.empty()) continue;
    text_ += call.arguments;
    OutJson json = place(answer);
    json["delta"] = call.arguments;
    events += event("response.function_call_arguments.delta", std::move(json));
  }
  return events;
}

// What has not been told yet, of tokens without a text of their own also.
OutJson ResponseShape::send_scores() {
  OutJson scores = std::exchange(unsent_scores_, OutJson::array());
  for (const OutJson& score : scores) scores_.push_back(score);
  return scores;
}

std::string ResponseShape::finish(const Answer& answer, std::size_t) {
  std::string events;
  // There is a message, be it empty, or a call.
  if (item_ != Item::kMessage && item_ != Item::kCall) {
    events += enter(answer, Item::kMessage);
  }
  send_scores();
  return events + leave(answer, status_of(answer));
}

std::string ResponseShape::end(const Answer& answer) {
  return event(
      is_complete(answer) ? "response.completed" : "response.incomplete",
      {{"response", whole_response(answer)}});
}

std::string ResponseShape::broke_off(const ApiError& error) {
  return event("error", error_json(error)["error"]);
}

std::string ResponseShape::event(const char* type, OutJson data) {
  data["type"] = type;
  data["sequence_number"] = sequence_++;
  return sse_event(data, type);
}

OutJson ResponseShape::place(const Answer& answer) const {
  OutJson json = {{"item_id", item(answer, "in_progress")["id"]},
                  {"output_index", output_.size()}};
  if (item_ != Item::kCall) json["content_index"] = 0;
  return json;
}

OutJson ResponseShape::part(const OutJson& text) const {
  if (item_ == Item::kReasoning) {
    return {{"type", "reasoning_text"}, {"text", text}};
  }
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", OutJson::array()},
          {"logprobs", scores_}};
}

OutJson ResponseShape::call_item(const Answer& answer,
                                 const char* status) const {
  const std::string id = call_id(answer, 0, call_);
  return {{"id", "fc_" + id}, {"type", "function_call"}, {"status", status},
          {"call_id", id},    {"name", call_name_},      {"arguments", text_}};
}

OutJson ResponseShape::item(const Answer& answer, const char* status) const {
  if (item_ == Item::kCall) return call_item(answer, status);
  const bool begins = std::string_view(status) == "in_progress";
  OutJson content = begins ? OutJson::array() : OutJson::array({part(text_)});
  if (item_ == Item::kReasoning) {
    return {{"id", "rs_" + answer.id},
            {"type", "reasoning"},
            {"summary", OutJson::array()},
            {"content", std::move(content)},
            {"status", status}};
  }
  return {{"id", "msg_" + answer.id},
          {"type", "message"},
          {"role", "assistant"},
          {"status", status},
          {"content", std::move(content)}};
}

std::string ResponseShape::enter(const Answer& answer, Item next) {
  if (item_ == next) return {};
  std::string events = leave(answer, "completed");
  item_ = next;
  text_.clear();
  scores_ = OutJson::array();
  events += event("response.output_item.added",
                  {{"output_index", output_.size()},
                   {"item", item(answer, "in_progress")}});
  OutJson json = place(answer);
  json["part"] = part("");
  return events + event("response.content_part.added", std::move(json));
}

std::string ResponseShape::enter_call(const Answer& answer,
                                      const ToolCallDelta& call) {
  std::string events = leave(answer, "completed");
  item_ = Item::kCall;
  text_.clear();
  call_ = call.index;
  call_name_ = call.name;
  return events + event("response.output_item.added",
                        {{"output_index", output_.size()},
                         {"item", item(answer, "in_progress")}});
}

// The events of what an item holds: its text, or the arguments of a call.
std::string ResponseShape::complete(const Answer& answer) {
  OutJson text = place(answer);
  if (item_ == Item::kCall) {
    text["name"] = call_name_;
    text["arguments"] = text_;
    return event("response.function_call_arguments.done", std::move(text));
  }
  const bool reasons = item_ == Item::kReasoning;
  OutJson all = text;
  text["text"] = text_;
  if (!reasons) text["logprobs"] = scores_;
  all["part"] = part(text_);
  std::string events = event(
      reasons ? "response.reasoning_text.done" : "response.output_text.done",
      std::move(text));
  return events += event("response.content_part.done", std::move(all));
}

std::string ResponseShape::leave(const Answer& answer, const char* status) {
  if (item_ == Item::kNone) return {};
  std::string events = complete(answer);
  OutJson done = item(answer, status);
  events += event("response.output_item.done",
                  {{"output_index", output_.size()}, {"item", done}});
  output_.push_back(std::move(done));
  item_ = Item::kNone;
  return events;
}

OutJson ResponseShape::response(const Answer& answer,
                                const char* status) const {
  return {{"id", "resp_" + answer.id},
          {"object", "response"},
          {"created_at", answer.created},
          {"status", status},
          {"background", false},
          {"error", nullptr},
          {"incomplete_details", nullptr},
          {"instructions", request_.instructions},
          {"max_output_tokens", request_.max_output_tokens},
          {"model", answer.model()},
          {"output", output_},
          {"parallel_tool_calls", request_.parallel_tool_calls},
          {"previous_response_id", nullptr},
          {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
          {"store", false},
          {"temperature", request_.temperature},
          {"text", request_.text},
          {"tool_choice", request_.tool_choice},
          {"tools", request_.tools},
          {"top_p", request_.top_p},
          {"truncation", "disabled"},
          {"metadata", request_.metadata},
          {"system_fingerprint", answer.fingerprint}};
}

OutJson ResponseShape::whole_response(const Answer& answer) const {
  OutJson json = response(answer, status_of(answer));
  if (!is_complete(answer)) {
    json["incomplete_details"] = {{"reason", "max_output_tokens"}};
  }
  const Usage usage = answer.usage();
  json["usage"] = {
      {"input_tokens", usage.prompt_tokens},
      {"input_tokens_details",
       {{"cached_tokens", usage.cached_tokens}, {"cache_write_tokens", 0}}},
      {"output_tokens", usage.generated_tokens},
      {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
      {"total_tokens", usage.prompt_tokens + usage.generated_tokens}};
  json["timings"] = timings_json(answer.said.front());
  return json;
}

}  // namespace

namespace {

// Those that may be called, with what OpenAI's own answers fill in.
OutJson repeated_tools(const Fields& fields) {
  OutJson tools = OutJson::array();
  const InJson* given = fields.array("tools");
  if (given == nullptr) return tools;
  for (const InJson& tool : *given) {
    if (tool.value("type", InJson()) != "function") continue;
    OutJson shown = {{"type", "function"},
                     {"name", OutJson(tool.value("name", InJson()))}};
    for (const char* name : {"description", "parameters"}) {
      shown[name] = OutJson(tool.value(name, InJson()));
    }
    shown["strict"] = tool.value("strict", InJson()) == true;
    tools.push_back(std::move(shown));
  }
  return tools;
}

}  // namespace

std::unique_ptr<AnswerShape> response_shape(const Fields& fields,
                                            const Request& request) {
  ResponseRequest repeated;
  const auto repeat = [&](std::string_view name, OutJson& json) {
    if (const InJson* value = fields.find(name)) json = *value;
  };
  repeat("instructions", repeated.instructions);
  repeat("max_output_tokens", repeated.max_output_tokens);
  repeated.tools = repeated_tools(fields);
  repeat("tool_choice", repeated.tool_choice);
  repeat("parallel_tool_calls", repeated.parallel_tool_calls);
  if (const auto text = fields.object("text"); text && text->has("format")) {
    repeat("text", repeated.text);
  }
  if (fields.object("metadata")) repeat("metadata", repeated.metadata);
  repeated.temperature = request.sampling.temperature;
  repeated.top_p = request.sampling.top_p;
  repeated.scores = request.logprobs.has_value();
  return std::make_unique<ResponseShape>(std::move(repeated));
}

}  // namespace pilotfish::server
