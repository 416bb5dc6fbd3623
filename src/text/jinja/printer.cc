#include "text/jinja/printer.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "text/jinja/builtin.h"
#include "text/jinja/characters.h"

namespace pilotfish::jinja {
namespace {

class ReprWriter {
 public:
  explicit ReprWriter(Runtime& rt) : rt_(rt) {}

  std::string run(const Value& value) {
    write(value);
    return std::move(out_);
  }

  void operator()(None) { put("None"); }
  void operator()(const Undefined&) { put("Undefined"); }
  void operator()(bool value) { put(value ? "True" : "False"); }
  void operator()(int64_t value) { put(fmt::format("{}", value)); }
  void operator()(double value) { put(float_text(value)); }
  void operator()(const std::shared_ptr<const String>& value) {
    if (value->markup) put("Markup(");
    write_quoted(value->text);
    if (value->markup) put(")");
  }
  void operator()(const std::shared_ptr<const Sequence>& value) {
    switch (value->kind) {
      case SequenceKind::kList:
        return write_items(value->items, "[", "]");
      case SequenceKind::kTuple:
        return write_items(value->items, "(",
                           value->items.size() == 1 ? ",)" : ")");
      case SequenceKind::kRange:
        return write_range(value->items);
      case SequenceKind::kKeys:
        return write_items(value->items, "dict_keys([", "])");
      case SequenceKind::kValues:
        return write_items(value->items, "dict_values([", "])");
      case SequenceKind::kItems:
        return write_items(value->items, "dict_items([", "])");
    }
  }
  void operator()(const std::shared_ptr<const Dict>& value) {
    write_dict(*value);
  }
  void operator()(const std::shared_ptr<Generator>&) {
    put("<generator object>");
  }
  void operator()(const std::shared_ptr<const Method>& value) {
    put(fmt::format("<method {}>", value->function->name));
  }
  void operator()(const Builtin* value) {
    put(fmt::format("<function {}>", value->name));
  }
  // A namespace may hold itself.
  void operator()(Namespace* value) {
    if (++namespaces_ > kMaxNesting) {
      rt_.fail("a namespace that contains itself cannot be printed");
    }
    put("<Namespace ");
    write_dict(value->attributes);
    put(">");
    --namespaces_;
  }
  void operator()(Loop* value) {
    put(fmt::format("<LoopContext {}/{}>", value->index + 1,
                    value->items->size()));
  }
  void operator()(const Macro*) { put("<Macro>"); }

 private:
  void put(std::string_view text) {
    rt_.check_size(out_.size() + text.size());
    out_ += text;
  }

  void write(const Value& value) {
    rt_.charge(1);
    std::visit(*this, value.storage());
  }

  void write_items(const Values& items, std::string_view open,
                   std::string_view close) {
    put(open);
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) put(", ");
      write(items[i]);
    }
    put(close);
  }

  void write_dict(const Dict& dict) {
    put("{");
    std::string_view separator;
    for (const auto& [key, value] : dict.entries()) {
      put(separator);
      write(key);
      put(": ");
      write(value);
      separator = ", ";
    }
    put("}");
  }

  // The end of a range that was made from its numbers alone.
  void write_range(const Values& items) {
    const auto at = [&](size_t i) { return *items[i].integer(); };
    if (items.empty()) return put("range(0, 0)");
    const int64_t step = items.size() > 1 ? at(1) - at(0) : 1;
    const int64_t stop = at(items.size() - 1) + (step > 0 ? 1 : -1);
    put(step == 1 ? fmt::format("range({}, {})", at(0), stop)
                  : fmt::format("range({}, {}, {})", at(0), stop, step));
  }

  void write_quoted(std::string_view text) {
    const bool has_single = text.find('\'') != std::string_view::npos;
    const bool has_double = text.find('"') != std::string_view::npos;
    const char quote = has_single && !has_double ? '"' : '\'';
    rt_.charge(text.size() / kBytesPerUnit);
    put({&quote, 1});
    for (size_t at = 0; at < text.size();) {
      const Character c = character_at(text, at);
      write_character(text.substr(at, c.bytes), c.code, quote);
      at += c.bytes;
    }
    put({&quote, 1});
  }

  void write_character(std::string_view bytes, char32_t code, char quote) {
    const auto number = static_cast<uint32_t>(code);
    if (code == static_cast<char32_t>(quote) || code == '\\') {
      put("\\");
      put(bytes);
    } else if (code == '\n') {
      put("\\n");
    } else if (code == '\r') {
      put("\\r");
    } else if (code == '\t') {
      put("\\t");
    } else if (is_printable(code)) {
      put(bytes);
    } else if (number <= 0xFF) {
      put(fmt::format("\\x{:02x}", number));
    } else if (number <= 0xFFFF) {
      put(fmt::format("\\u{:04x}", number));
    } else {
      put(fmt::format("\\U{:08x}", number));
    }
  }

  Runtime& rt_;
  std::string out_;
  size_t namespaces_ = 0;
};

}  // namespace

std::string to_repr(Runtime& rt, const Value& value) {
  return ReprWriter(rt).run(value);
}

std::string to_text(Runtime& rt, const Value& value) {
  if (const String* string = value.string()) {
    rt.charge(1 + string->text.size() / kBytesPerUnit);
    return string->text;
  }
  if (value.is_undefined()) return "";
  return to_repr(rt, value);
}

std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[32];
  const auto scientific = std::to_chars(buffer, buffer + sizeof(buffer), number,
                                        std::chars_format::scientific);
  const std::string_view text(buffer,
                              static_cast<size_t>(scientific.ptr - buffer));
  const size_t e = text.find('e');
  int exponent = 0;
  // from_chars takes no plus sign.
  const size_t digits = text[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(text.data() + digits, text.data() + text.size(), exponent);
  // Python's rule for repr: an exponent from 1e16 up and below 1e-4.
  if (exponent < -4 || exponent >= 16) return std::string(text);
  const auto fixed = std::to_chars(buffer, buffer + sizeof(buffer), number,
                                   std::chars_format::fixed);
  std::string plain(buffer, fixed.ptr);
  if (plain.find('.') == std::string::npos) plain += ".0";
  return plain;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace pilotfish::jinja
