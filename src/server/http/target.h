#ifndef PILOTFISH_SERVER_HTTP_TARGET_H_
#define PILOTFISH_SERVER_HTTP_TARGET_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace pilotfish::server {

// What a request line asks for.
struct Target {
  std::string path;                          // decoded
  std::map<std::string, std::string> query;  // decoded; of two, the last
};

// Reads "/path?name=value", "http://host/path" and "*". nullopt: it is none of
// them, holds a broken escape, or a control character hides in its path.
std::optional<Target> parse_target(std::string_view text);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_TARGET_H_
