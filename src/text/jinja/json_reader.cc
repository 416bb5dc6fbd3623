#include "text/jinja/json_reader.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "pilotfish/error.h"
#include "text/jinja/limits.h"

namespace pilotfish::jinja {
namespace {

// Receives the parser's events and builds values directly: nlohmann's own
// ordered object looks its keys up one by one.
class Builder {
 public:
  explicit Builder(std::string_view what) : what_(what) {}

  Value result() { return std::move(result_); }

  bool null() { return put(Value()); }
  bool boolean(bool value) { return put(Value(value)); }
  bool number_integer(int64_t value) { return put(Value(value)); }
  bool number_unsigned(uint64_t value) {
    if (value > INT64_MAX) {
      throw Error(
          fmt::format("{}: the number {} does not fit 64 bits", what_, value));
    }
    return put(Value(static_cast<int64_t>(value)));
  }
  bool number_float(double value, const std::string&) {
    return put(Value(value));
  }
  bool string(std::string& value) { return put(Value(std::move(value))); }
  bool binary(nlohmann::json::binary_t&) { return false; }

  bool start_object(size_t) { return open(true); }
  bool key(std::string& name) {
    open_.back().key = std::move(name);
    return true;
  }
  bool end_object() {
    auto dict = std::make_shared<const Dict>(std::move(open_.back().dict));
    open_.pop_back();
    return put(Value(std::move(dict)));
  }
  bool start_array(size_t) { return open(false); }
  bool end_array() {
    auto list =
        make_sequence(SequenceKind::kList, std::move(open_.back().items));
    open_.pop_back();
    return put(Value(std::move(list)));
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::json::exception&) {
    throw Error(fmt::format("{}: malformed JSON at byte {}", what_, position));
  }

 private:
  struct Container {
    bool is_object = false;
    std::string key;
    Dict dict;
    Values items;
  };

  bool open(bool is_object) {
    // Some levels are left for what the template puts around it.
    if (open_.size() == kMaxNesting / 2) {
      throw Error(fmt::format("{}: JSON nested deeper than {} levels", what_,
                              kMaxNesting / 2));
    }
    open_.emplace_back().is_object = is_object;
    return true;
  }

  bool put(Value value) {
    if (open_.empty()) {
      result_ = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().dict.set(open_.back().key, std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::string what_;
  std::vector<Container> open_;
  Value result_;
};

}  // namespace

Value read_json(std::string_view text, std::string_view what) {
  Builder builder(what);
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return builder.result();
}

}  // namespace pilotfish::jinja
