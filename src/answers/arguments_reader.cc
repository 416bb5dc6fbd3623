#include "answers/arguments_reader.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "answers/tagged_arguments.h"

namespace pilotfish {
namespace {

bool is_of_scalar(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x80 && std::isalnum(byte) != 0) || c == '+' || c == '-' ||
         c == '.';
}

std::string quoted(const std::string& text) {
  using Json = nlohmann::json;
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// As it stands inside a JSON string.
std::string escaped(const std::string& text) {
  const std::string json = quoted(text);
  return json.substr(1, json.size() - 2);
}

}  // namespace

std::size_t tail_that_begins(std::string_view text, std::string_view word) {
  if (word.empty()) return 0;
  for (std::size_t n = std::min(text.size(), word.size() - 1); n > 0; --n) {
    if (text.ends_with(word.substr(0, n))) return n;
  }
  return 0;
}

std::size_t JsonEnd::push(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (found_) return i;
    const char c = text[i];
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
        found_ = depth_ == 0;
      }
      continue;
    }
    if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      if (--depth_ <= 0) found_ = true;
      if (depth_ < 0) return i;  // that of a call around a number
    } else if (depth_ == 0 && begun_ && !is_of_scalar(c)) {
      found_ = true;
      return i;
    }
    begun_ = true;
  }
  return text.size();
}

void TaggedReader::read(std::string& held, std::string& json) {
  while (!at_end_ && !held.empty()) {
    if (!(in_value_ ? read_value(held, json) : read_key(held, json))) return;
  }
}

bool TaggedReader::read_key(std::string& held, std::string& json) {
  if (!held.starts_with(kParameterBegins)) {
    if (kParameterBegins.starts_with(held)) return false;
    json += has_members_ ? "}" : "{}";
    at_end_ = true;
    return false;
  }
  const std::size_t end = held.find(kParameterNamed);
  if (end == std::string::npos) return false;
  const std::string key =
      held.substr(kParameterBegins.size(), end - kParameterBegins.size());
  held.erase(0, end + kParameterNamed.size());
  const auto member = members_.find(key);
  is_string_ = member == members_.end() || member->second;
  json += has_members_ ? ", " : "{";
  json += quoted(key) + ": ";
  if (is_string_) json += '"';
  has_members_ = true;
  in_value_ = true;
  return true;
}

bool TaggedReader::read_value(std::string& held, std::string& json) {
  const std::size_t end = held.find(kParameterEnds);
  const bool ends = end != std::string::npos;
  const std::size_t certain =
      ends ? end : held.size() - tail_that_begins(held, kParameterEnds);
  const std::string part = held.substr(0, certain);
  json += is_string_ ? escaped(part) : part;
  held.erase(0, certain + (ends ? kParameterEnds.size() : 0));
  if (!ends) return false;
  if (is_string_) json += '"';
  in_value_ = false;
  return true;
}

}  // namespace pilotfish
