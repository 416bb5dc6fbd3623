#ifndef PILOTFISH_SERVER_HTTP_RESPONSE_TEXT_H_
#define PILOTFISH_SERVER_HTTP_RESPONSE_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "server/exchange.h"

// Answers as they go over the wire.
namespace pilotfish::server {

struct Framing {
  bool chunked = false;
  std::optional<std::size_t> length = std::nullopt;  // nullopt: none is told
  std::string_view connection = {};                  // empty: none is told
};

// Status line and headers, the empty line included. Line breaks in a header's
// value become spaces.
std::string head_text(const HttpResponse& response, const Framing& framing);

// One chunk of a body. Requires: `bytes` is not empty, as that would end it.
std::string chunk_text(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// An error in OpenAI's shape. `code` may be empty.
HttpResponse http_error(int status, std::string_view message,
                        std::string_view code = {});

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_RESPONSE_TEXT_H_
