#ifndef PILOTFISH_SERVER_JSON_TEXT_H_
#define PILOTFISH_SERVER_JSON_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace pilotfish::server {

// What is written to clients keeps the order in which it is put together; what
// is read from them does not depend on theirs.
using OutJson = nlohmann::ordered_json;
using InJson = nlohmann::json;

// In one line. Bytes that are not UTF-8 become U+FFFD.
std::string json_text(const OutJson& json);

// An event of a stream, "data: ...". `name` may be empty.
std::string sse_event(const OutJson& data, std::string_view name = {});

// The body of a request. Throws ApiError 400 for what is not JSON in UTF-8 or
// is nested deeper than 64 levels, and for anything but an object.
InJson parse_body(std::string_view body);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_JSON_TEXT_H_
