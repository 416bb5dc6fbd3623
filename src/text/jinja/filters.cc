#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "text/jinja/access.h"
#include "text/jinja/big_integer.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/json.h"
#include "text/jinja/operators.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

bool is_markup(const Value& value) {
  return value.string() != nullptr && value.string()->markup;
}

// Filters take any value as the text it prints as; most of them keep markup.
String input_text(Call& call) {
  String text = to_text(call.rt, call.input);
  text.markup = is_markup(call.input);
  return text;
}

template <std::string (*map)(std::string_view)>
Value map_filter(Call& call) {
  const String text = input_text(call);
  return call.rt.string(made_from(text, map(text.text)));
}

// A capital after white space, a hyphen or an opening bracket; unlike
// str.title, an apostrophe does not start a word.
std::string title_words(std::string_view text) {
  constexpr std::string_view kBreaks = "-({[<";
  std::string out;
  size_t start = 0;
  const auto add_word = [&](size_t end) {
    if (end == start) return;
    const size_t first = character_at(text, start).bytes;
    out += to_upper(text.substr(start, first));
    out += to_lower(text.substr(start + first, end - start - first));
  };
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    if (is_space(c.code) || kBreaks.find(text[at]) != std::string_view::npos) {
      add_word(at);
      out += text.substr(at, c.bytes);
      start = at + c.bytes;
    }
    at += c.bytes;
  }
  add_word(text.size());
  return out;
}

Value trim(Call& call) {
  const String text = input_text(call);
  if (call.get_unless_none(0) == nullptr) {
    return call.rt.string(part_of(text, strip(text.text, Side::kBoth)));
  }
  return call.rt.string(strip_text(call.rt, text, Side::kBoth, call.text(0)));
}

Value replace(Call& call) {
  const int64_t count =
      call.get_unless_none(2) == nullptr ? -1 : call.integer(2, -1);
  return call.rt.string(replace_text(call.rt, to_text(call.rt, call.input),
                                     to_text(call.rt, *call.get(0)).text,
                                     to_text(call.rt, *call.get(1)), count));
}

Value string(Call& call) {
  if (call.input.string() != nullptr) return call.input;
  return call.rt.string(to_text(call.rt, call.input));
}

Value safe(Call& call) {
  String text = to_text(call.rt, call.input);
  text.markup = true;
  return call.rt.string(std::move(text));
}

Value force_escape(Call& call) {
  String escaped = escape_html(to_text(call.rt, call.input));
  escaped.markup = true;
  return call.rt.string(std::move(escaped));
}

Value escape(Call& call) {
  return is_markup(call.input) ? call.input : force_escape(call);
}

// One level of indentation: a number of spaces or the text itself.
String indentation(Call& call, size_t parameter, int64_t otherwise) {
  const Value* given = call.get(parameter);
  if (given != nullptr && given->string() != nullptr) return *given->string();
  const int64_t spaces = call.integer(parameter, otherwise);
  if (spaces > 1000) call.rt.fail("an indentation of more than 1000 spaces");
  return {std::string(static_cast<size_t>(std::max<int64_t>(spaces, 0)), ' ')};
}

Value indent(Call& call) {
  if (call.input.string() == nullptr) {
    call.rt.refuse_undefined(call.input);
    call.rt.fail(
        fmt::format("'indent' expects a string, not a value of type "
                    "'{}'",
                    type_name(call.input)));
  }
  const String margin = indentation(call, 0, 4);
  const bool first = call.boolean(1, false);
  const bool blank = call.boolean(2, false);
  // The line break that ends the text for splitlines; Jinja adds it too.
  String text = *call.input.string();
  text.append("\n");
  String out{{}, text.markup};
  if (first) out.append(margin);
  bool is_first = true;
  for (const std::string_view line : split_lines(text.text)) {
    if (!is_first) out.append("\n");
    if (!is_first && (blank || !line.empty())) out.append(margin);
    out.append(text, line);
    is_first = false;
    call.rt.check_size(out.text.size());
  }
  return call.rt.string(std::move(out));
}

Value center(Call& call) {
  return call.rt.string(
      center_text(call.rt, input_text(call), call.integer(0, 80), {" "}));
}

Value format(Call& call) {
  const String text = input_text(call);
  if (call.raw.named.empty()) {
    return percent_format(call.rt, text, call.rt.tuple(call.raw.positional));
  }
  if (!call.raw.positional.empty()) {
    call.rt.fail("'format' takes positional or named arguments, not both");
  }
  Dict arguments;
  for (const auto& [name, value] : call.raw.named) {
    call.rt.insert(arguments, Value(name), value);
  }
  return percent_format(call.rt, text, call.rt.dict(std::move(arguments)));
}

// The parameters are those of Hugging Face's own tojson, not of Jinja's.
Value to_json_filter(Call& call) {
  JsonStyle style;
  style.ensure_ascii = call.boolean(0, false);
  if (call.get_unless_none(1) != nullptr) {
    style.indent = indentation(call, 1, 0);
    style.item_separator = {","};  // json.dumps leaves its space out then
  }
  if (const Value* separators = call.get_unless_none(2)) {
    const Sequence* pair = separators->sequence();
    if (pair == nullptr || pair->items.size() != 2 ||
        pair->items[0].string() == nullptr ||
        pair->items[1].string() == nullptr) {
      call.rt.fail("'tojson' expects two strings as 'separators'");
    }
    style.item_separator = *pair->items[0].string();
    style.key_separator = *pair->items[1].string();
  }
  style.sort_keys = call.boolean(3, false);
  return call.rt.string(to_json(call.rt, call.input, style));
}

// Python allows single underscores between the characters of a number.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
      continue;
    }
    const bool between =
        i > 0 && i + 1 < text.size() && text[i - 1] != '_' &&
        std::isalnum(static_cast<unsigned char>(text[i - 1])) &&
        std::isalnum(static_cast<unsigned char>(text[i + 1]));
    if (!between) return std::nullopt;
  }
  return digits;
}

// Takes a leading sign off; true for a minus.
bool take_sign(std::string_view& text) {
  if (!text.starts_with('-') && !text.starts_with('+')) return false;
  const bool minus = text.front() == '-';
  text.remove_prefix(1);
  return minus;
}

// Takes "0x" and its like off where they fit `base`; a base of 0 becomes
// what they say.
void take_prefix(std::string_view& text, int64_t& base) {
  const char letter = text.size() > 1 && text[0] == '0'
                          ? static_cast<char>(text[1] | 0x20)
                          : '\0';
  const int64_t prefixed = letter == 'x'   ? 16
                           : letter == 'o' ? 8
                           : letter == 'b' ? 2
                                           : 0;
  if (prefixed != 0 && (base == 0 || base == prefixed)) {
    base = prefixed;
    text.remove_prefix(2);
    if (text.starts_with('_')) text.remove_prefix(1);
  }
  if (base == 0) base = 10;
}

// int(text, base); none where it is not an integer.
std::optional<Value> parse_integer(std::string_view text, int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  text = strip(text, Side::kBoth);
  const bool negative = take_sign(text);
  take_prefix(text, base);
  const auto digits = without_underscores(text);
  if (!digits || digits->starts_with('-')) return std::nullopt;
  return integer_value((negative ? "-" : "") + *digits, static_cast<int>(base));
}

// float(text); none where it is no number.
std::optional<double> parse_float(std::string_view text) {
  text = strip(text, Side::kBoth);
  const bool negative = take_sign(text);
  const auto digits = without_underscores(text);
  if (!digits || digits->starts_with('-')) return std::nullopt;
  double number = 0;
  const char* last = digits->data() + digits->size();
  const auto [end, error] = std::from_chars(digits->data(), last, number);
  if (end != last || error == std::errc::invalid_argument) return std::nullopt;
  if (digits->find('(') != std::string::npos) return std::nullopt;  // nan(0)
  if (error == std::errc::result_out_of_range) {
    number = std::strtod(digits->c_str(), nullptr);
  }
  return negative ? -number : number;
}

Value truncate(Call& call, double number, const Value& otherwise) {
  if (std::isnan(number)) return otherwise;
  if (std::isinf(number)) call.rt.fail("'int': an infinite number");
  return *integer_value(mpz_class(number));
}

Value to_int(Call& call) {
  const Value otherwise = call.has(0) ? *call.get(0) : Value(int64_t{0});
  call.rt.refuse_undefined(call.input);
  if (is_integer(call.input)) return identity(call.rt, call.input);
  if (const double* number = call.input.get<double>()) {
    return truncate(call, *number, otherwise);
  }
  const String* string = call.input.string();
  if (string == nullptr) return otherwise;
  if (auto integer = parse_integer(string->text, call.integer(1, 10))) {
    return *integer;
  }
  // "42.23"|int is 42.
  const std::optional<double> number = parse_float(string->text);
  if (!number) return otherwise;
  return truncate(call, *number, otherwise);
}

Value to_float(Call& call) {
  call.rt.refuse_undefined(call.input);
  if (call.input.is_number()) {
    return Value(float_value(call.rt, call.input));
  }
  if (const String* string = call.input.string()) {
    if (const auto number = parse_float(string->text)) return Value(*number);
  }
  return call.has(0) ? *call.get(0) : Value(0.0);
}

Value absolute(Call& call) {
  const Value& input = call.input;
  if (const double* number = input.get<double>()) {
    return Value(std::abs(*number));
  }
  if (is_integer(input)) {
    return input.number() < 0 ? negate(call.rt, input)
                              : identity(call.rt, input);
  }
  call.rt.refuse_undefined(input);
  call.rt.fail(fmt::format("'abs' does not work on '{}'", type_name(input)));
}

// round(number, digits): to even in the last place, from the exact value.
double round_real(double number, int64_t digits) {
  if (!std::isfinite(number) || digits > 323) return number;
  if (digits < -308) return std::copysign(0.0, number);
  if (digits >= 0) {
    const std::string text = fmt::format("{:.{}f}", number, digits);
    return std::strtod(text.c_str(), nullptr);
  }
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(number / unit) * unit;
}

// The same for an integer, with fewer than zero digits; exact.
Value round_integer(const Value& number, int64_t digits) {
  if (digits < -static_cast<int64_t>(kMaxDigits)) return Value(int64_t{0});
  const mpz_class value = big_integer(number);
  mpz_class unit;
  mpz_ui_pow_ui(unit.get_mpz_t(), 10, static_cast<unsigned long>(-digits));
  mpz_class quotient;
  mpz_class rest;
  mpz_fdiv_qr(quotient.get_mpz_t(), rest.get_mpz_t(), value.get_mpz_t(),
              unit.get_mpz_t());
  const int half = cmp(mpz_class(rest * 2), unit);
  if (half > 0 || (half == 0 && mpz_odd_p(quotient.get_mpz_t()) != 0)) {
    ++quotient;
  }
  return integer_value(mpz_class(quotient * unit)).value_or(number);
}

Value round(Call& call) {
  const int64_t digits = call.integer(0, 0);
  const std::string method = call.has(1) ? call.text(1) : "common";
  call.rt.refuse_undefined(call.input);
  if (!call.input.is_number()) {
    call.rt.fail(
        fmt::format("'round' does not work on '{}'", type_name(call.input)));
  }
  if (method == "common") {
    if (is_integer(call.input)) {
      return digits >= 0 ? identity(call.rt, call.input)
                         : round_integer(call.input, digits);
    }
    return Value(round_real(call.input.number(), digits));
  }
  if (method != "ceil" && method != "floor") {
    call.rt.fail("'round' knows the methods common, ceil and floor");
  }
  const double unit = std::pow(10.0, static_cast<double>(digits));
  const double scaled = call.input.number() * unit;
  if (!std::isfinite(scaled) || unit == 0)
    call.rt.fail("'round': out of range");
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) /
               unit);
}

}  // namespace

const Builtin* find_filter(std::string_view name) {
  static const BuiltinTable table = {
      {"upper", {}, 0, map_filter<to_upper>},
      {"lower", {}, 0, map_filter<to_lower>},
      {"capitalize", {}, 0, map_filter<capitalize>},
      {"title", {}, 0, map_filter<title_words>},
      {"trim", {"chars"}, 0, trim},
      {"replace", {"old", "new", "count"}, 2, replace},
      {"string", {}, 0, string},
      {"safe", {}, 0, safe},
      {"escape", {}, 0, escape},
      {"e", {}, 0, escape},
      {"forceescape", {}, 0, force_escape},
      {"indent", {"width", "first", "blank"}, 0, indent},
      {"center", {"width"}, 0, center},
      {"format", {}, 0, format, true},
      {"tojson",
       {"ensure_ascii", "indent", "separators", "sort_keys"},
       0,
       to_json_filter},
      {"int", {"default", "base"}, 0, to_int},
      {"float", {"default"}, 0, to_float},
      {"abs", {}, 0, absolute},
      {"round", {"precision", "method"}, 0, round},
  };
  const Builtin* filter = table.find(name);
  if (filter == nullptr) filter = find_text_filter(name);
  return filter != nullptr ? filter : find_sequence_filter(name);
}

}  // namespace pilotfish::jinja
