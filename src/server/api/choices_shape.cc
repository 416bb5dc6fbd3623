#include "server/api/choices_shape.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace pilotfish::server {

OutJson ChoicesShape::head(const Answer& answer,
                           std::string_view object) const {
  return {{"id", std::string(names_.id) + answer.id},
          {"object", object},
          {"created", answer.created},
          {"model", answer.model()},
          {"system_fingerprint", answer.fingerprint}};
}

OutJson ChoicesShape::whole_json(const Answer& answer, OutJson choices) const {
  OutJson json = head(answer, names_.whole);
  json["choices"] = std::move(choices);
  json["usage"] = usage_json(answer.usage());
  json["timings"] = timings_json(answer.said.front());
  return json;
}

OutJson ChoicesShape::chunk_json(const Answer& answer, OutJson choice) const {
  OutJson json = head(answer, names_.chunk);
  json["choices"] = OutJson::array({std::move(choice)});
  if (stream_.includes_usage) json["usage"] = nullptr;
  return json;
}

std::string ChoicesShape::end(const Answer& answer) {
  std::string events;
  if (stream_.includes_usage) {
    OutJson json = head(answer, names_.chunk);
    json["choices"] = OutJson::array();
    json["usage"] = usage_json(answer.usage());
    events = sse_event(json);
  }
  return events + "data: [DONE]\n\n";
}

std::string ChoicesShape::broke_off(const ApiError& error) {
  return sse_event(error_json(error), "error");
}

}  // namespace pilotfish::server
