#include "server/fields.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace pilotfish::server {
namespace {

// What a message calls a value of a type.
std::string_view type_words(const InJson& value) {
  switch (value.type()) {
    case InJson::value_t::object:
      return "an object";
    case InJson::value_t::array:
      return "an array";
    case InJson::value_t::string:
      return "a string";
    case InJson::value_t::boolean:
      return "a boolean";
    case InJson::value_t::null:
      return "null";
    default:
      return "a number";
  }
}

ApiError wrong_type(const std::string& path, const InJson& value,
                    std::string_view wanted) {
  return bad_field(path,
                   fmt::format("is {}, not {}", type_words(value), wanted));
}

// A whole number of any of JSON's types, 3.0 among them. nullopt: it is none,
// or too large.
std::optional<std::int64_t> whole_number(const InJson& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  const auto number = value.get<double>();
  constexpr double kExact = 9007199254740992;  // 2^53
  if (std::trunc(number) != number || std::abs(number) > kExact) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(number);
}

}  // namespace

Fields::Fields(const InJson& object, std::string path)
    : object_(&object), path_(std::move(path)) {}

Fields Fields::of(const InJson& value, const std::string& path) {
  if (!value.is_object()) throw wrong_type(path, value, "an object");
  return Fields(value, path);
}

std::string Fields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

void Fields::refuse(std::string_view name, const std::string& what) const {
  throw bad_field(path_of(name), what);
}

void Fields::refuse_any(std::initializer_list<std::string_view> names,
                        const std::string& why) const {
  for (const std::string_view name : names) {
    const InJson* value = find(name);
    if (value == nullptr || *value == false) continue;
    if (value->is_structured() && value->empty()) continue;
    if (*value == "") continue;
    throw ApiError(400, fmt::format("{}: {}", path_of(name), why),
                   path_of(name), "unsupported_parameter");
  }
}

const InJson* Fields::find(std::string_view name) const {
  const auto found = object_->find(name);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

std::optional<bool> Fields::boolean(std::string_view name) const {
  const InJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) {
    throw wrong_type(path_of(name), *value, "true or false");
  }
  return value->get<bool>();
}

std::optional<std::int64_t> Fields::integer(std::string_view name,
                                            std::int64_t least,
                                            std::int64_t most) const {
  const InJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    throw wrong_type(path_of(name), *value, "a whole number");
  }
  const std::optional<std::int64_t> number = whole_number(*value);
  if (!number) {
    refuse(name,
           fmt::format("{} is not a whole number in range", shown(*value)));
  }
  if (*number >= least && *number <= most) return number;
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  refuse(name, most == kMost ? fmt::format("{} is below {}", *number, least)
                             : fmt::format("{} is not in {} to {}", *number,
                                           least, most));
}

std::optional<double> Fields::number(std::string_view name) const {
  const InJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) throw wrong_type(path_of(name), *value, "a number");
  return value->get<double>();
}

std::optional<std::string> Fields::string(std::string_view name) const {
  const InJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  return string_at(*value, path_of(name));
}

std::optional<Fields> Fields::object(std::string_view name) const {
  const InJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  return of(*value, path_of(name));
}

const InJson* Fields::array(std::string_view name) const {
  const InJson* value = find(name);
  if (value != nullptr && !value->is_array()) {
    throw wrong_type(path_of(name), *value, "an array");
  }
  return value;
}

std::optional<std::vector<Token>> Fields::tokens(std::string_view name) const {
  const InJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  return tokens_at(*value, path_of(name));
}

std::optional<std::vector<std::string>> Fields::strings(
    std::string_view name) const {
  const InJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::vector{value->get<std::string>()};
  if (!value->is_array()) {
    throw wrong_type(path_of(name), *value, "a string or an array of strings");
  }
  std::vector<std::string> strings;
  for (std::size_t i = 0; i < value->size(); ++i) {
    strings.push_back(
        string_at((*value)[i], fmt::format("{}[{}]", path_of(name), i)));
  }
  return strings;
}

Token token_at(const InJson& value, const std::string& path) {
  if (!value.is_number()) throw wrong_type(path, value, "a token id");
  const std::optional<std::int64_t> number = whole_number(value);
  if (!number || *number < 0 || *number > std::numeric_limits<Token>::max()) {
    throw bad_field(path, fmt::format("{} is no token id", shown(value)));
  }
  return static_cast<Token>(*number);
}

std::string string_at(const InJson& value, const std::string& path) {
  if (!value.is_string()) throw wrong_type(path, value, "a string");
  return value.get<std::string>();
}

std::vector<Token> tokens_at(const InJson& value, const std::string& path) {
  if (!value.is_array()) throw wrong_type(path, value, "an array of token ids");
  std::vector<Token> tokens;
  tokens.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    tokens.push_back(token_at(value[i], fmt::format("{}[{}]", path, i)));
  }
  return tokens;
}

std::string shown(const InJson& value) {
  constexpr std::size_t kLongest = 40;
  const std::string text = value.dump();
  return text.size() <= kLongest ? text : std::string(type_words(value));
}

}  // namespace pilotfish::server
