#ifndef PILOTFISH_SERVER_API_CHOICES_SHAPE_H_
#define PILOTFISH_SERVER_API_CHOICES_SHAPE_H_

#include <string>
#include <string_view>

#include "server/api/answer.h"
#include "server/api/decoding_fields.h"

namespace pilotfish::server {

// What OpenAI's completions and chat completions have in common: the object
// around the choices, and how a stream ends.
class ChoicesShape : public AnswerShape {
 public:
  std::string end(const Answer& answer) override;
  std::string broke_off(const ApiError& error) override;

 protected:
  // What an answer is called: the beginning of its id, and the objects that it
  // and its chunks are.
  struct Names {
    std::string_view id;
    std::string_view whole;
    std::string_view chunk;
  };
  ChoicesShape(const Names& names, const StreamFields& stream)
      : names_(names), stream_(stream) {}

  OutJson whole_json(const Answer& answer, OutJson choices) const;
  // Of one choice.
  OutJson chunk_json(const Answer& answer, OutJson choice) const;
  const StreamFields& stream() const { return stream_; }

 private:
  OutJson head(const Answer& answer, std::string_view object) const;

  const Names names_;
  const StreamFields stream_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_CHOICES_SHAPE_H_
