#include "text/jinja/printer.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "text/jinja/big_integer.h"
#include "text/jinja/characters.h"
#include "text/jinja/runtime.h"

namespace pilotfish::jinja {
namespace {

class ReprWriter {
 public:
  explicit ReprWriter(Runtime& rt) : rt_(rt) {}

  String run(const Value& value) {
    write(value);
    return std::move(out_);
  }

  void operator()(None) { put("None"); }
  void operator()(const Undefined&) { put("Undefined"); }
  void operator()(bool value) { put(value ? "True" : "False"); }
  void operator()(int64_t value) { put(fmt::format("{}", value)); }
  void operator()(const std::shared_ptr<const BigInteger>& value) {
    put(value->value.get_str());
  }
  void operator()(double value) { put(float_text(value)); }
  void operator()(const std::shared_ptr<const String>& value) {
    if (value->markup) put("Markup(");
    write_quoted(*value);
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
  void operator()(Cycler*) { put("<Cycler>"); }
  void operator()(Joiner*) { put("<Joiner>"); }
  void operator()(const Macro*) { put("<Macro>"); }

 private:
  void put(std::string_view text) {
    rt_.check_size(out_.text.size() + text.size());
    out_.append(text);
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

  void write_quoted(const String& string) {
    const std::string_view text = string.text;
    const bool has_single = text.find('\'') != std::string_view::npos;
    const bool has_double = text.find('"') != std::string_view::npos;
    const char quote = has_single && !has_double ? '"' : '\'';
    rt_.charge(text.size() / kBytesPerUnit);
    put({&quote, 1});
    MarkCursor marks(string.marks);
    for (size_t at = 0; at < text.size();) {
      const Character c = character_at(text, at);
      const size_t begin = out_.text.size();
      write_character(text.substr(at, c.bytes), c.code, quote);
      if (marks.touches(at, at + c.bytes)) {
        out_.marks.add(begin, out_.text.size());
      }
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
  String out_;
  size_t namespaces_ = 0;
};

constexpr size_t kMaxWidth = 10'000;

struct Conversion {
  std::string_view flags;  // of "-+ 0#"
  size_t width = 0;
  std::optional<size_t> precision;
  char type = 's';

  bool flag(char c) const { return flags.find(c) != std::string_view::npos; }
};

class PercentFormatter {
 public:
  PercentFormatter(Runtime& rt, const String& format, const Value& arguments)
      : rt_(rt), format_(format), rest_(format.text), arguments_(arguments) {
    out_.markup = format.markup;
    const Sequence* sequence = arguments.sequence();
    if (sequence != nullptr && sequence->kind == SequenceKind::kTuple) {
      tuple_ = &sequence->items;
    }
  }

  Value run() {
    while (!rest_.empty()) {
      const size_t percent = rest_.find('%');
      put(format_, rest_.substr(0, percent));
      if (percent == std::string_view::npos) break;
      rest_.remove_prefix(percent + 1);
      convert();
    }
    // What has items by name need not be used up; a list counts as such too.
    const bool all_used = tuple_ != nullptr ? used_ == tuple_->size()
                                            : used_ > 0 || arguments_.dict() ||
                                                  arguments_.sequence();
    if (!all_used) rt_.fail("not all arguments of '%' are used by the format");
    return rt_.string(std::move(out_));
  }

 private:
  void put(const String& whole, std::string_view part) {
    rt_.check_size(out_.text.size() + part.size());
    out_.append(whole, part);
  }

  std::string_view take(std::string_view allowed) {
    const size_t end = std::min(rest_.find_first_not_of(allowed), rest_.size());
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return taken;
  }

  size_t take_number() {
    size_t number = 0;
    for (const char digit : take("0123456789")) {
      number = number * 10 + static_cast<size_t>(digit - '0');
      if (number > kMaxWidth) rt_.fail("a format's width is too large");
    }
    return number;
  }

  void convert() {
    rt_.charge(1);
    const Value* named = nullptr;
    if (rest_.starts_with('(')) named = &take_named();
    Conversion conversion;
    conversion.flags = take("-+ 0#");
    conversion.width = take_number();
    if (rest_.starts_with('.')) {
      rest_.remove_prefix(1);
      conversion.precision = take_number();
    }
    if (rest_.empty()) rt_.fail("a format that ends within a conversion");
    const std::string_view type = rest_.substr(0, 1);
    conversion.type = type.front();
    rest_.remove_prefix(1);
    if (conversion.type == '%') return put(format_, type);
    const String text =
        padded(conversion, named != nullptr ? *named : next_argument());
    put(text, text.text);
  }

  const Value& take_named() {
    const size_t end = rest_.find(')');
    const Dict* dict = arguments_.dict();
    if (end == std::string_view::npos || dict == nullptr) {
      rt_.fail("a format with '%(name)' needs a dictionary");
    }
    const std::string_view name = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    const Value* value = dict->find(name);
    if (value == nullptr) {
      rt_.fail(fmt::format("the format's '{}' is not in the dictionary", name));
    }
    return *value;
  }

  const Value& next_argument() {
    const size_t available = tuple_ != nullptr ? tuple_->size() : 1;
    if (used_ >= available) rt_.fail("not enough arguments for the format");
    return tuple_ != nullptr ? (*tuple_)[used_++] : (++used_, arguments_);
  }

  String padded(const Conversion& conversion, const Value& value) {
    String text = converted(conversion, value);
    const bool numeric = conversion.type != 's' && conversion.type != 'r';
    const size_t size = count_characters(text.text);
    if (size >= conversion.width) return text;
    const size_t missing = conversion.width - size;
    if (conversion.flag('-')) {
      text.append(std::string(missing, ' '));
      return text;
    }
    if (!conversion.flag('0') || !numeric) {
      String padded{std::string(missing, ' ')};
      padded.append(text);
      return padded;
    }
    const size_t sign = text.text.find_first_not_of("+- ") == 0 ? 0 : 1;
    return {text.text.insert(sign, missing, '0')};
  }

  String converted(const Conversion& conversion, const Value& value) {
    switch (conversion.type) {
      case 's':
      case 'r':
        return truncated(conversion, conversion.type == 's'
                                         ? text_of(value)
                                         : to_repr(rt_, value));
      case 'd':
      case 'i':
      case 'u':
        return {with_sign(conversion, integer_text(whole(value)))};
      case 'x':
        return {with_sign(conversion, integer_text(whole(value), 16))};
      case 'X':
        return {
            with_sign(conversion, to_upper(integer_text(whole(value), 16)))};
      case 'o':
        return {with_sign(conversion, integer_text(whole(value), 8))};
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return {with_sign(conversion, real(conversion, value))};
      default:
        rt_.fail(fmt::format("the conversion '%{}' is not supported",
                             conversion.type));
    }
  }

  // A markup format escapes what is put into it.
  String text_of(const Value& value) {
    const bool safe = value.string() != nullptr && value.string()->markup;
    String text = to_text(rt_, value);
    return format_.markup && !safe ? escape_html(text) : text;
  }

  static String truncated(const Conversion& conversion, String text) {
    if (!conversion.precision) return text;
    const std::vector<size_t> offsets = character_offsets(text.text);
    if (*conversion.precision + 1 >= offsets.size()) return text;
    return part_of(text, std::string_view(text.text).substr(
                             0, offsets[*conversion.precision]));
  }

  static std::string with_sign(const Conversion& conversion, std::string text) {
    if (text.starts_with('-')) return text;
    if (conversion.flag('+')) return "+" + text;
    return conversion.flag(' ') ? " " + text : text;
  }

  Value whole(const Value& value) {
    if (is_integer(value)) return value;
    const double* number = value.get<double>();
    if (number == nullptr) refuse(value);
    if (!std::isfinite(*number)) rt_.fail("a format expects a finite number");
    return *integer_value(mpz_class(*number));
  }

  std::string real(const Conversion& conversion, const Value& value) {
    if (!value.is_number()) refuse(value);
    const size_t precision = conversion.precision.value_or(6);
    return fmt::format(
        fmt::runtime(fmt::format("{{:.{}{}}}", precision, conversion.type)),
        float_value(rt_, value));
  }

  [[noreturn]] void refuse(const Value& value) {
    rt_.refuse_undefined(value);
    rt_.fail(fmt::format("a format expects a number, not a value of type '{}'",
                         type_name(value)));
  }

  Runtime& rt_;
  const String& format_;
  std::string_view rest_;
  const Value& arguments_;
  const Values* tuple_ = nullptr;
  size_t used_ = 0;
  String out_;
};

std::string_view html_entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&#34;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

String to_repr(Runtime& rt, const Value& value) {
  return ReprWriter(rt).run(value);
}

String to_text(Runtime& rt, const Value& value) {
  if (const String* string = value.string()) {
    rt.charge(1 + string->text.size() / kBytesPerUnit);
    return {string->text, false, string->marks};
  }
  if (value.is_undefined()) return {};
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

String escape_html(const String& text) {
  String out;
  MarkCursor marks(text.marks);
  for (size_t i = 0; i < text.text.size(); ++i) {
    const std::string_view entity = html_entity(text.text[i]);
    const size_t begin = out.text.size();
    if (entity.empty()) {
      out.text += text.text[i];
    } else {
      out.text += entity;
    }
    if (marks.touches(i, i + 1)) out.marks.add(begin, out.text.size());
  }
  return out;
}

Value percent_format(Runtime& rt, const String& format,
                     const Value& arguments) {
  return PercentFormatter(rt, format, arguments).run();
}

}  // namespace pilotfish::jinja
