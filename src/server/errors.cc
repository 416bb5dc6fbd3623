#include "server/errors.h"

#include <new>
#include <nlohmann/json.hpp>
#include <utility>

#include "pilotfish/service.h"
#include "server/json_text.h"

namespace pilotfish::server {

ApiError::ApiError(int status, const std::string& message, std::string param,
                   std::string code)
    : Error(message),
      status_(status),
      param_(std::move(param)),
      code_(std::move(code)) {}

std::string_view ApiError::type() const {
  switch (status_) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    case 503:
      return "unavailable_error";
    default:
      return status_ >= 500 ? "server_error" : "invalid_request_error";
  }
}

ApiError bad_field(const std::string& param, const std::string& what) {
  return ApiError(400, param + ": " + what, param, "invalid_value");
}

ApiError api_error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const ApiError& error) {
    return error;
  } catch (const QueueFull& error) {
    return ApiError(429, error.what(), {}, "queue_full");
  } catch (const ServiceClosed& error) {
    return ApiError(503, error.what(), {}, "draining");
  } catch (const UsageError& error) {
    return ApiError(400, error.what());
  } catch (const std::bad_alloc&) {
    return ApiError(500, "out of memory");
  } catch (const std::exception& error) {
    return ApiError(500, error.what());
  }
}

nlohmann::ordered_json error_json(const ApiError& error) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json(nullptr)
                        : nlohmann::ordered_json(text);
  };
  return {{"error",
           {{"message", error.what()},
            {"type", error.type()},
            {"param", text_or_null(error.param())},
            {"code", text_or_null(error.code())}}}};
}

HttpResponse error_response(const ApiError& error) {
  HttpResponse response;
  response.status = error.status();
  response.body = json_text(error_json(error));
  // When some request that runs now may well have come to its end, or another
  // server taken this one's place.
  if (error.status() == 429 || error.status() == 503) {
    response.headers["retry-after"] = "1";
  }
  return response;
}

nlohmann::ordered_json message_error_json(const ApiError& error) {
  nlohmann::ordered_json json = error_json(error);
  nlohmann::ordered_json& inner = json["error"];
  if (error.status() == 503) inner["type"] = "overloaded_error";
  if (error.status() == 500) inner["type"] = "api_error";
  return {{"type", "error"}, {"error", std::move(inner)}};
}

HttpResponse message_error_response(const ApiError& error) {
  HttpResponse response = error_response(error);
  response.body = json_text(message_error_json(error));
  return response;
}

HttpResponse error_response_to(const HttpRequest& request,
                               const ApiError& error) {
  const bool of_messages = request.path == "/v1/messages" ||
                           request.path.starts_with("/v1/messages/");
  return of_messages ? message_error_response(error) : error_response(error);
}

}  // namespace pilotfish::server
