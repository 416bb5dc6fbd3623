#ifndef PILOTFISH_SERVER_ERRORS_H_
#define PILOTFISH_SERVER_ERRORS_H_

#include <exception>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "pilotfish/error.h"
#include "server/exchange.h"

namespace pilotfish::server {

// A request that gets an error instead of an answer.
class ApiError : public Error {
 public:
  // `param`: the field that is wrong; empty: none in particular. `code`: for
  // programs, in a word; may be empty.
  ApiError(int status, const std::string& message, std::string param = {},
           std::string code = {});

  int status() const { return status_; }
  const std::string& param() const { return param_; }
  const std::string& code() const { return code_; }
  // OpenAI's word for the kind of error, which follows from the status.
  std::string_view type() const;

 private:
  int status_;
  std::string param_;
  std::string code_;
};

// 400 for a field with a bad value: "top_p: 1.5 is not above 0 and up to 1".
ApiError bad_field(const std::string& param, const std::string& what);

// What is told of something that was thrown: UsageError is the client's fault,
// QueueFull passes, and so on. A fault of our own is a 500.
ApiError api_error_of(const std::exception_ptr& thrown);

// {"error": {"message", "type", "param", "code"}}
nlohmann::ordered_json error_json(const ApiError& error);
HttpResponse error_response(const ApiError& error);

// The same in Anthropic's frame, {"type": "error", "error": ...}, and with its
// words for the kinds.
nlohmann::ordered_json message_error_json(const ApiError& error);
HttpResponse message_error_response(const ApiError& error);

// In the shape that clients of a request's path know.
HttpResponse error_response_to(const HttpRequest& request,
                               const ApiError& error);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_ERRORS_H_
