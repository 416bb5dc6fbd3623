#include "text/jinja/json.h"

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "pilotfish/error.h"
#include "text/jinja/big_integer.h"
#include "text/jinja/characters.h"
#include "text/jinja/limits.h"
#include "text/jinja/operators.h"
#include "text/jinja/printer.h"

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
    return put(*integer_value(mpz_class(value)));
  }
  // Integers beyond 64 bits come as floats too, which their digits tell.
  bool number_float(double value, const std::string& digits) {
    if (digits.find_first_not_of("-0123456789") != std::string::npos) {
      return put(Value(value));
    }
    const auto integer = integer_value(digits);
    if (!integer) {
      throw Error(fmt::format("{}: a number of more than {} digits", what_,
                              kMaxDigits));
    }
    return put(*integer);
  }
  bool string(std::string& value) {
    return put(Value(content_string(std::move(value))));
  }
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
      Container& object = open_.back();
      object.dict.set(Value(content_string(std::move(object.key))),
                      std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::string what_;
  std::vector<Container> open_;
  Value result_;
};

class JsonWriter {
 public:
  JsonWriter(Runtime& rt, const JsonStyle& style) : rt_(rt), style_(style) {}

  String run(const Value& value) {
    write(value);
    return std::move(out_);
  }

 private:
  void put(std::string_view text) {
    rt_.check_size(out_.text.size() + text.size());
    out_.append(text);
  }
  void put(const String& text) {
    rt_.check_size(out_.text.size() + text.text.size());
    out_.append(text);
  }

  void write(const Value& value) {
    rt_.charge(1);
    const Sequence* sequence = value.sequence();
    if (const String* string = value.string()) {
      write_string(*string);
    } else if (value.is_none() || value.is_number()) {
      put(scalar(value));
    } else if (sequence != nullptr &&
               (sequence->kind == SequenceKind::kList ||
                sequence->kind == SequenceKind::kTuple)) {
      write_array(sequence->items);
    } else if (const Dict* dict = value.dict()) {
      write_object(*dict);
    } else {
      rt_.refuse_undefined(value);
      rt_.fail(fmt::format("tojson: a value of type '{}' is not JSON",
                           type_name(value)));
    }
  }

  static std::string scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* boolean = value.get<bool>()) {
      return *boolean ? "true" : "false";
    }
    if (is_integer(value)) return integer_text(value);
    const double number = value.number();
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return float_text(number);
  }

  void write_array(const Values& items) {
    if (items.empty()) return put("[]");
    put("[");
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) put(style_.item_separator);
      new_line();
      write(items[i]);
    }
    --level_;
    new_line();
    put("]");
  }

  void write_object(const Dict& dict) {
    if (dict.entries().empty()) return put("{}");
    put("{");
    ++level_;
    bool is_first = true;
    for (const auto* entry : ordered(dict)) {
      if (!is_first) put(style_.item_separator);
      is_first = false;
      new_line();
      if (const String* key = entry->first.string()) {
        write_string(*key);
      } else {
        write_string({scalar(entry->first)});
      }
      put(style_.key_separator);
      write(entry->second);
    }
    --level_;
    new_line();
    put("}");
  }

  std::vector<const std::pair<Value, Value>*> ordered(const Dict& dict) {
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) {
      merge_sort(entries, [&](const auto* a, const auto* b) {
        return less(rt_, a->first, b->first);
      });
    }
    return entries;
  }

  void new_line() {
    if (!style_.indent) return;
    put("\n");
    for (size_t i = 0; i < level_; ++i) put(*style_.indent);
  }

  void write_string(const String& string) {
    const std::string_view text = string.text;
    rt_.charge(text.size() / kBytesPerUnit);
    if (string.is_json) rt_.note_quoted_json();
    put("\"");
    MarkCursor marks(string.marks);
    for (size_t at = 0; at < text.size();) {
      const Character c = character_at(text, at);
      const size_t begin = out_.text.size();
      write_character(text.substr(at, c.bytes), static_cast<uint32_t>(c.code));
      if (marks.touches(at, at + c.bytes)) {
        out_.marks.add(begin, out_.text.size());
      }
      at += c.bytes;
    }
    put("\"");
  }

  void write_character(std::string_view bytes, uint32_t code) {
    constexpr std::string_view kEscaped = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    const size_t known = code < 0x80 ? kEscaped.find(static_cast<char>(code))
                                     : std::string_view::npos;
    if (known != std::string_view::npos) {
      put("\\");
      put(kLetters.substr(known, 1));
    } else if (code >= 0x20 && (code < 0x7F || !style_.ensure_ascii)) {
      put(bytes);
    } else if (code < 0x10000) {
      put(fmt::format("\\u{:04x}", code));
    } else {
      const uint32_t offset = code - 0x10000;
      put(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (offset >> 10),
                      0xDC00 + (offset & 0x3FF)));
    }
  }

  Runtime& rt_;
  const JsonStyle& style_;
  String out_;
  size_t level_ = 0;
};

}  // namespace

Value read_json(std::string_view text, std::string_view what) {
  Builder builder(what);
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return builder.result();
}

String to_json(Runtime& rt, const Value& value, const JsonStyle& style) {
  return JsonWriter(rt, style).run(value);
}

}  // namespace pilotfish::jinja
