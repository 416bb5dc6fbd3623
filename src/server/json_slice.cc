#include "server/json_slice.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace pilotfish::server {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// Goes through the parts of an object or an array, one after the other.
class PartReader {
 public:
  // Behind the opening bracket.
  explicit PartReader(std::string_view text)
      : text_(text), at_(text.find_first_of("{[")) {
    if (at_ == std::string_view::npos) at_ = text.size();
    next();
  }

  bool at_end() const {
    return at_ >= text_.size() || text_[at_] == '}' || text_[at_] == ']';
  }

  // A value, and what separates it from the next part.
  std::string_view take() {
    const std::size_t begin = at_;
    at_ = end_of_value(begin);
    const std::string_view value = text_.substr(begin, at_ - begin);
    skip_space();
    if (at_ < text_.size() && (text_[at_] == ',' || text_[at_] == ':')) next();
    return value;
  }

 private:
  void next() {
    ++at_;
    skip_space();
  }

  void skip_space() {
    at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
  }

  std::size_t end_of_string(std::size_t at) const {
    for (++at; at < text_.size() && text_[at] != '"'; ++at) {
      if (text_[at] == '\\') ++at;
    }
    return at + 1;
  }

  std::size_t end_of_value(std::size_t at) const {
    std::size_t depth = 0;
    while (at < text_.size()) {
      const char c = text_[at];
      if (c == '"') {
        at = end_of_string(at);
        if (depth == 0) break;
        continue;
      }
      if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth == 0) return at;
        if (--depth == 0) return at + 1;
      } else if (depth == 0 && (c == ',' || kBlanks.find(c) != kBlanks.npos)) {
        return at;
      }
      ++at;
    }
    return std::min(at, text_.size());
  }

  std::string_view text_;
  std::size_t at_;
};

bool is_name(std::string_view key, std::string_view name) {
  if (key.find('\\') == std::string_view::npos) {
    return key.size() == name.size() + 2 && key.substr(1, name.size()) == name;
  }
  return nlohmann::json::parse(key).get<std::string>() == name;
}

}  // namespace

std::string_view json_member(std::string_view object, std::string_view name) {
  std::string_view found;
  for (PartReader reader(object); !reader.at_end();) {
    const std::string_view key = reader.take();
    const std::string_view value = reader.take();
    if (is_name(key, name)) found = value;
  }
  return found;
}

std::vector<std::string_view> json_elements(std::string_view array) {
  std::vector<std::string_view> elements;
  for (PartReader reader(array); !reader.at_end();) {
    elements.push_back(reader.take());
  }
  return elements;
}

}  // namespace pilotfish::server
