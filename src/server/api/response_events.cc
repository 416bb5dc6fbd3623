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
  enum class Item { kNone, kReasoning, kMessage };

  OutJson send_scores();
  std::string event(const char* type, OutJson data);
  // Where in the response the part is that is written now.
  OutJson place(const Answer& answer) const;
  OutJson part(const OutJson& text) const;
  OutJson item(const Answer& answer, const char* status) const;
  std::string enter(const Answer& answer, Item item);
  std::string leave(const Answer& answer, const char* status);
  OutJson response(const Answer& answer, const char* status) const;
  // Complete: "completed" or "incomplete".
  OutJson whole_response(const Answer& answer) const;

  const ResponseRequest request_;
  std::int64_t sequence_ = 0;
  // The item that is written now.
  Item item_ = Item::kNone;
  std::string text_;
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
  // There is a message, be it empty.
  if (item_ != Item::kMessage) events += enter(answer, Item::kMessage);
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
  return {{"item_id", item(answer, "in_progress")["id"]},
          {"output_index", output_.size()},
          {"content_index", 0}};
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

OutJson ResponseShape::item(const Answer& answer, const char* status) const {
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

std::string ResponseShape::leave(const Answer& answer, const char* status) {
  if (item_ == Item::kNone) return {};
  const bool reasons = item_ == Item::kReasoning;
  OutJson text = place(answer);
  OutJson all = text;
  text["text"] = text_;
  if (!reasons) text["logprobs"] = scores_;
  all["part"] = part(text_);
  std::string events = event(
      reasons ? "response.reasoning_text.done" : "response.output_text.done",
      std::move(text));
  events += event("response.content_part.done", std::move(all));
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
          {"parallel_tool_calls", true},
          {"previous_response_id", nullptr},
          {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
          {"store", false},
          {"temperature", request_.temperature},
          {"text", {{"format", {{"type", "text"}}}}},
          {"tool_choice", "auto"},
          {"tools", OutJson::array()},
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

std::unique_ptr<AnswerShape> response_shape(const Fields& fields,
                                            const Request& request) {
  ResponseRequest repeated;
  const auto repeat = [&](std::string_view name, OutJson& json) {
    if (const InJson* value = fields.find(name)) json = *value;
  };
  repeat("instructions", repeated.instructions);
  repeat("max_output_tokens", repeated.max_output_tokens);
  if (fields.object("metadata")) repeat("metadata", repeated.metadata);
  repeated.temperature = request.sampling.temperature;
  repeated.top_p = request.sampling.top_p;
  repeated.scores = request.logprobs.has_value();
  return std::make_unique<ResponseShape>(std::move(repeated));
}

}  // namespace pilotfish::server
