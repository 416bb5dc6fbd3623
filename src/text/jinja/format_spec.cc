#include "text/jinja/format_spec.h"

#include <fmt/core.h>

#include <cmath>
#include <optional>
#include <string>

#include "text/jinja/big_integer.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

constexpr int64_t kMaxFormatWidth = 10'000;

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct FormatSpec {
  std::string_view fill = " ";
  char align = '\0';  // one of < > = ^
  char sign = '\0';   // one of + - and blank
  bool alternate = false;
  bool zeros = false;  // the flag 0, which numbers align by
  int64_t width = 0;
  char grouping = '\0';  // , or _
  std::optional<int64_t> precision;
  char type = '\0';
};

class SpecParser {
 public:
  SpecParser(Runtime& rt, std::string_view spec) : rt_(rt), rest_(spec) {}

  FormatSpec run() {
    FormatSpec spec;
    const size_t first = rest_.empty() ? 0 : character_at(rest_, 0).bytes;
    const bool has_fill = rest_.size() > first && is_align(rest_[first]);
    if (has_fill) {
      spec.fill = rest_.substr(0, first);
      spec.align = rest_[first];
      rest_.remove_prefix(first + 1);
    } else if (!rest_.empty() && is_align(rest_[0])) {
      spec.align = take();
    }
    if (at_one_of("+- ")) spec.sign = take();
    if (at_one_of("#")) spec.alternate = take() == '#';
    if (!has_fill && at_one_of("0")) {
      take();
      spec.fill = "0";
      spec.zeros = true;
    }
    spec.width = take_number().value_or(0);
    if (at_one_of(",_")) spec.grouping = take();
    if (at_one_of(".")) {
      take();
      spec.precision = take_number();
      if (!spec.precision) rt_.fail("a format without its precision");
    }
    if (!rest_.empty()) spec.type = take();
    if (!rest_.empty()) rt_.fail("a format with something after its type");
    return spec;
  }

 private:
  static bool is_align(char c) {
    return std::string_view("<>=^").find(c) != std::string_view::npos;
  }
  bool at_one_of(std::string_view choices) const {
    return !rest_.empty() && choices.find(rest_[0]) != std::string_view::npos;
  }
  char take() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }
  std::optional<int64_t> take_number() {
    if (!at_one_of("0123456789")) return std::nullopt;
    int64_t number = 0;
    while (at_one_of("0123456789")) {
      number = number * 10 + (take() - '0');
      if (number > kMaxFormatWidth) rt_.fail("a format's width is too large");
    }
    return number;
  }

  Runtime& rt_;
  std::string_view rest_;
};

// A number in the parts that padding and grouping look at.
struct NumberText {
  std::string sign;    // with the prefix of "#x"
  std::string digits;  // before the point
  std::string rest;    // from the point on, or the exponent
};

NumberText split_number(const FormatSpec& spec, std::string text,
                        bool is_whole) {
  NumberText number;
  if (text.starts_with('-')) {
    number.sign = "-";
    text.erase(0, 1);
  } else if (spec.sign == '+' || spec.sign == ' ') {
    number.sign = spec.sign;
  }
  const size_t end =
      is_whole ? text.size()
               : std::min(text.find_first_not_of("0123456789"), text.size());
  number.digits = text.substr(0, end);
  number.rest = text.substr(end);
  return number;
}

std::string grouped(const std::string& digits, char separator, size_t size) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % size == 0) out += separator;
    out += digits[i];
  }
  return out;
}

// Zeros before the digits, grouped with them, up to the spec's width.
std::string zero_filled(const FormatSpec& spec, NumberText number,
                        size_t group) {
  const bool fills = spec.fill == "0" && spec.align == '=';
  const size_t taken = number.sign.size() + number.rest.size();
  const auto width = static_cast<size_t>(spec.width);
  const size_t wanted = fills && width > taken ? width - taken : 0;
  if (number.digits.empty()) {  // inf and nan
    number.digits.insert(0, wanted, '0');
    return number.sign + number.digits + number.rest;
  }
  const bool has_groups = spec.grouping != '\0';
  size_t count = number.digits.size();
  while (count + (has_groups ? (count - 1) / group : 0) < wanted) ++count;
  number.digits.insert(0, count - number.digits.size(), '0');
  return number.sign +
         (has_groups ? grouped(number.digits, spec.grouping, group)
                     : number.digits) +
         number.rest;
}

std::string integer_digits(const FormatSpec& spec, const Value& value) {
  const int base = spec.type == 'b'                       ? 2
                   : spec.type == 'o'                     ? 8
                   : spec.type == 'x' || spec.type == 'X' ? 16
                                                          : 10;
  return integer_text(value, base);
}

std::string format_integer(Runtime& rt, const FormatSpec& spec,
                           const Value& value) {
  if (spec.precision) rt.fail("an integer's format has no precision");
  if (spec.type == 'c') {
    const int64_t* code = value.integer();
    if (code == nullptr || *code < 0 || *code > 0x10FFFF ||
        (*code >= 0xD800 && *code < 0xE000)) {
      rt.fail("the format 'c' expects the number of a character");
    }
    std::string text;
    append_character(text, static_cast<char32_t>(*code));
    return text;
  }
  NumberText number = split_number(spec, integer_digits(spec, value), true);
  const bool has_prefix = spec.type == 'b' || spec.type == 'o' ||
                          spec.type == 'x' || spec.type == 'X';
  if (has_prefix && spec.grouping == ',') {
    rt.fail("a format cannot group the digits of this base by commas");
  }
  if (spec.alternate && has_prefix) {
    number.sign += '0';
    number.sign += spec.type == 'X' ? 'x' : spec.type;
  }
  const std::string text =
      zero_filled(spec, std::move(number), has_prefix ? 4 : 3);
  return spec.type == 'X' ? to_upper(text) : text;
}

// Without a type: like "g", but with a digit after the point.
std::string general_float(double number, int64_t precision) {
  precision = std::max<int64_t>(precision, 1);
  const std::string scientific = fmt::format("{:.{}e}", number, precision - 1);
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (exponent >= -4 && exponent + 1 < precision) {
    std::string text = fmt::format("{:.{}g}", number, precision);
    if (text.find('.') == std::string::npos) text += ".0";
    return text;
  }
  const size_t e = scientific.find('e');
  std::string mantissa = scientific.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    while (mantissa.ends_with('0')) mantissa.pop_back();
    if (mantissa.ends_with('.')) mantissa.pop_back();
  }
  return mantissa + scientific.substr(e);
}

std::string float_digits(const FormatSpec& spec, double number) {
  if (!std::isfinite(number)) {
    const std::string text = std::isnan(number) ? "nan"
                             : number < 0       ? "-inf"
                                                : "inf";
    const bool upper = spec.type == 'E' || spec.type == 'F' || spec.type == 'G';
    return (upper ? to_upper(text) : text) + (spec.type == '%' ? "%" : "");
  }
  if (spec.type == '\0') {
    return spec.precision ? general_float(number, *spec.precision)
                          : float_text(number);
  }
  const int64_t precision = spec.precision.value_or(6);
  if (spec.type == '%') return fmt::format("{:.{}f}%", number * 100, precision);
  const char type = spec.type == 'n' ? 'g' : spec.type;
  const std::string pattern =
      fmt::format("{{:{}.{}{}}}", spec.alternate ? "#" : "", precision, type);
  return fmt::format(fmt::runtime(pattern), number);
}

std::string format_float(const FormatSpec& spec, double number) {
  return zero_filled(spec,
                     split_number(spec, float_digits(spec, number), false), 3);
}

// Text or number as it stands between the fill characters.
String aligned(Runtime& rt, const FormatSpec& spec, const String& text,
               bool is_number) {
  const auto size = static_cast<int64_t>(count_characters(text.text));
  const int64_t missing = std::max<int64_t>(spec.width - size, 0);
  const char align = spec.align != '\0' ? spec.align : is_number ? '>' : '<';
  const String fill{std::string(spec.fill)};
  if (align == '=') {  // between the sign and the digits
    size_t sign = text.text.find_first_not_of("+- ");
    if (sign == std::string::npos) sign = 0;
    if (spec.alternate && text.text.size() > sign + 1 &&
        text.text[sign] == '0' && std::isalpha(text.text[sign + 1]) != 0) {
      sign += 2;
    }
    const std::string_view whole = text.text;
    String out = part_of(text, whole.substr(0, sign));
    out.append(
        pad_text(rt, part_of(text, whole.substr(sign)), missing, 0, fill));
    return out;
  }
  const int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  return pad_text(rt, text, left, missing - left, fill);
}

[[noreturn]] void refuse_format(Runtime& rt, const FormatSpec& spec,
                                const Value& value) {
  rt.fail(
      fmt::format("a value of type '{}' has no such format{}", type_name(value),
                  spec.type == '\0' ? "" : fmt::format(" '{}'", spec.type)));
}

String format_string(Runtime& rt, const FormatSpec& spec, const Value& value) {
  const bool is_plain = (spec.type == '\0' || spec.type == 's') &&
                        spec.sign == '\0' && !spec.alternate &&
                        spec.grouping == '\0';
  if (!is_plain || spec.align == '=') refuse_format(rt, spec, value);
  String text = to_text(rt, value);
  if (spec.precision) {
    const std::vector<size_t> offsets = character_offsets(text.text);
    const auto kept =
        std::min(static_cast<size_t>(*spec.precision), offsets.size() - 1);
    text = part_of(text, std::string_view(text.text).substr(0, offsets[kept]));
  }
  return aligned(rt, spec, text, false);
}

bool is_one_of(char type, std::string_view types) {
  return type == '\0' || types.find(type) != std::string_view::npos;
}

}  // namespace

String format_value(Runtime& rt, const Value& value, std::string_view text) {
  rt.charge(1 + text.size() / kBytesPerUnit);
  if (text.empty()) return to_text(rt, value);
  FormatSpec spec = SpecParser(rt, text).run();
  if (value.string() != nullptr) return format_string(rt, spec, value);
  if (spec.zeros && spec.align == '\0') spec.align = '=';
  if (is_integer(value) && is_one_of(spec.type, "bcdonxX")) {
    return aligned(rt, spec, {format_integer(rt, spec, value)}, true);
  }
  if (value.is_number() && is_one_of(spec.type, "eEfFgGn%")) {
    return aligned(rt, spec, {format_float(spec, float_value(rt, value))},
                   true);
  }
  rt.refuse_undefined(value);
  refuse_format(rt, spec, value);
}

}  // namespace pilotfish::jinja
