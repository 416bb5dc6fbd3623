#include <fmt/core.h>

#include <cctype>
#include <string>

#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

// Jinja's default for how far a text may exceed the length without a cut.
constexpr int64_t kLeeway = 5;

// The first `count` characters of `text`.
std::string_view head(std::string_view text, size_t count) {
  size_t end = 0;
  for (; count > 0 && end < text.size(); --count) {
    end += character_at(text, end).bytes;
  }
  return text.substr(0, end);
}

Value truncate_text(Call& call) {
  const int64_t length = call.integer(0, 255);
  const String end = call.has(2) ? call.string(2) : String{"..."};
  const auto end_size = static_cast<int64_t>(count_characters(end.text));
  const int64_t leeway =
      call.get_unless_none(3) == nullptr ? kLeeway : call.integer(3, kLeeway);
  if (length < end_size || leeway < 0) {
    call.rt.fail(fmt::format(
        "'truncate' expects a length of at least {} and a leeway of at least 0",
        end_size));
  }
  const Value& input = call.input;
  const String* string = input.string();
  if (string == nullptr) {
    call.rt.refuse_undefined(input);
    call.rt.fail(
        fmt::format("'truncate' does not work on '{}'", type_name(input)));
  }
  const auto size = static_cast<int64_t>(count_characters(string->text));
  if (size - leeway <= length) return input;
  std::string_view kept =
      head(string->text, static_cast<size_t>(length - end_size));
  if (!call.boolean(1, false)) kept = kept.substr(0, kept.rfind(' '));
  String cut = part_of(*string, kept);
  cut.append(end);
  return call.rt.string(std::move(cut));
}

// Percent-encodes all but `safe`, letters, digits and "_.-~". In a query blanks
// become plus signs.
std::string percent_encoded(std::string_view text, std::string_view safe,
                            bool in_query = false) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte < 0x80 && std::isalnum(byte) != 0) ||
                       std::string_view("_.-~").find(c) != text.npos ||
                       safe.find(c) != text.npos;
    if (plain) {
      out += c;
    } else if (in_query && c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

// A key or a value of a query.
String query_part(Runtime& rt, const Value& value) {
  const String text = to_text(rt, value);
  return made_from(text, percent_encoded(text.text, "", /*in_query=*/true));
}

Value url_encode(Call& call) {
  const Value& input = call.input;
  if (input.string() != nullptr || !is_iterable(input)) {
    String text = to_text(call.rt, input);
    return call.rt.string(made_from(text, percent_encoded(text.text, "/")));
  }
  Values pairs;
  if (const Dict* dict = input.dict()) {
    for (const auto& [key, value] : dict->entries()) {
      pairs.push_back(call.rt.tuple({key, value}));
    }
  } else {
    pairs = *iterate(call.rt, input);
  }
  String query;
  for (const Value& pair : pairs) {
    const auto parts = iterate(call.rt, pair);
    if (parts->size() != 2) call.rt.fail("'urlencode' expects pairs");
    if (!query.text.empty()) query.append("&");
    query.append(query_part(call.rt, (*parts)[0]));
    query.append("=");
    query.append(query_part(call.rt, (*parts)[1]));
    call.rt.check_size(query.text.size());
  }
  return call.rt.string(std::move(query));
}

Value word_count(Call& call) {
  const String text = to_text(call.rt, call.input);
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.text.size();) {
    const Character c = character_at(text.text, at);
    const bool is_word =
        is_letter(c.code) || is_numeric(c.code) || c.code == '_';
    words += is_word && !inside ? 1 : 0;
    inside = is_word;
    at += c.bytes;
  }
  return Value(words);
}

}  // namespace

const Builtin* find_text_filter(std::string_view name) {
  static const BuiltinTable table = {
      {"truncate", {"length", "killwords", "end", "leeway"}, 0, truncate_text},
      {"urlencode", {}, 0, url_encode},
      {"wordcount", {}, 0, word_count},
  };
  return table.find(name);
}

}  // namespace pilotfish::jinja
