#include "text/jinja/json_writer.h"

#include <fmt/format.h>

#include <cmath>

#include "text/jinja/characters.h"
#include "text/jinja/merge_sort.h"
#include "text/jinja/operators.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Runtime& rt, const JsonStyle& style) : rt_(rt), style_(style) {}

  std::string run(const Value& value) {
    write(value);
    return std::move(out_);
  }

 private:
  void put(std::string_view text) {
    rt_.check_size(out_.size() + text.size());
    out_ += text;
  }

  void write(const Value& value) {
    rt_.charge(1);
    const Sequence* sequence = value.sequence();
    if (const String* string = value.string()) {
      write_string(string->text);
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
    if (const int64_t* integer = value.integer()) {
      return fmt::format("{}", *integer);
    }
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
    std::string_view separator;
    for (const auto* entry : ordered(dict)) {
      put(separator);
      new_line();
      if (const String* key = entry->first.string()) {
        write_string(key->text);
      } else {
        write_string(scalar(entry->first));
      }
      put(style_.key_separator);
      write(entry->second);
      separator = style_.item_separator;
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

  void write_string(std::string_view text) {
    rt_.charge(text.size() / kBytesPerUnit);
    put("\"");
    for (size_t at = 0; at < text.size();) {
      const Character c = character_at(text, at);
      write_character(text.substr(at, c.bytes), static_cast<uint32_t>(c.code));
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
    } else if (code == 0x7F) {
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
  std::string out_;
  size_t level_ = 0;
};

}  // namespace

std::string to_json(Runtime& rt, const Value& value, const JsonStyle& style) {
  return JsonWriter(rt, style).run(value);
}

}  // namespace pilotfish::jinja
