#include "constraint/json_schema/value.h"

#include <fmt/format.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::json_schema {
namespace {

constexpr std::size_t kMaxDepth = 128;
constexpr std::size_t kLongestShown = 40;  // bytes of a value in a message

// Builds a Value from what nlohmann's parser reports.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Value take() { return std::move(root_); }

  bool null() override { return add({.kind = Value::Kind::kNull}); }
  bool boolean(bool value) override {
    return add({.kind = value ? Value::Kind::kTrue : Value::Kind::kFalse});
  }
  bool number_integer(number_integer_t value) override {
    return add_number(std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return add_number(std::to_string(value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return add_number(text);
  }
  bool string(string_t& text) override {
    return add({.kind = Value::Kind::kString, .text = std::move(text)});
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    names_.emplace_back();
    return open(Value::Kind::kObject);
  }
  bool end_object() override {
    names_.pop_back();
    return close();
  }
  bool start_array(std::size_t) override { return open(Value::Kind::kArray); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!names_.back().insert(name).second) {
      throw UsageError(
          fmt::format("key {} appears twice in one object", json_string(name)));
    }
    open_.back()->keys.push_back(std::move(name));
    return true;
  }
  bool parse_error(std::size_t place, const std::string&,
                   const nlohmann::detail::exception& error) override {
    if (error.id == 406) {
      throw UsageError(
          fmt::format("a number before byte {} is out of range", place));
    }
    throw UsageError(fmt::format("not valid JSON at byte {}", place));
  }

 private:
  bool add_number(std::string digits) {
    return add({.kind = Value::Kind::kNumber, .text = std::move(digits)});
  }

  bool add(Value value) {
    place(std::move(value));
    return true;
  }

  Value* place(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    open_.back()->items.push_back(std::move(value));
    return &open_.back()->items.back();
  }

  // What is open lies at the end of what it is part of, so that nothing moves
  // it before it is closed.
  bool open(Value::Kind kind) {
    if (open_.size() == kMaxDepth) {
      throw UsageError(
          fmt::format("JSON nested deeper than {} levels", kMaxDepth));
    }
    open_.push_back(place({.kind = kind}));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  Value root_;
  std::vector<Value*> open_;
  std::vector<std::unordered_set<std::string>> names_;  // of open objects
};

}  // namespace

const Value* Value::find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) return &items[i];
  }
  return nullptr;
}

Value parse_value(std::string_view json) {
  Builder builder;
  nlohmann::json::sax_parse(json, &builder);
  return builder.take();
}

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string shown(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kFalse:
      return "false";
    case Value::Kind::kTrue:
      return "true";
    case Value::Kind::kNumber:
      return value.text.size() > kLongestShown ? "a long number" : value.text;
    case Value::Kind::kString:
      return value.text.size() > kLongestShown ? "a long string"
                                               : json_string(value.text);
    case Value::Kind::kArray:
      return "an array";
    case Value::Kind::kObject:
      return "an object";
  }
  return {};
}

}  // namespace pilotfish::json_schema
