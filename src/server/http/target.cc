#include "server/http/target.h"

#include <algorithm>

namespace pilotfish::server {
namespace {

// -1: not a hexadecimal digit.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decode_escapes(std::string_view text,
                                          bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Cuts `text` behind its first `separator`, and gives what stands before it.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view first = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return first;
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(std::min(text.find('/', scheme.size()), text.size()));
    if (text.empty()) text = "/";
  }
  if (text == "*") return Target{"*", {}};
  if (!text.starts_with('/')) return std::nullopt;

  std::string_view query = text.substr(0, text.find('#'));
  const auto path = decode_escapes(cut(query, '?'), false);
  if (!path || std::ranges::any_of(*path, is_control)) return std::nullopt;
  Target target{*path, {}};
  while (!query.empty()) {
    std::string_view value = cut(query, '&');
    const auto name = decode_escapes(cut(value, '='), true);
    const auto decoded = decode_escapes(value, true);
    if (!name || !decoded) return std::nullopt;
    if (!name->empty()) target.query[*name] = *decoded;
  }
  return target;
}

}  // namespace pilotfish::server
