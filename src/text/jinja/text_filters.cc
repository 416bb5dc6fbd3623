#include <fmt/format.h>

#include "text/jinja/characters.h"
#include "text/jinja/filters.h"
#include "text/jinja/json_writer.h"
#include "text/jinja/percent_format.h"
#include "text/jinja/printer.h"
#include "text/jinja/string_operations.h"

namespace pilotfish::jinja {
namespace {

bool is_markup(const Value& value) {
  return value.string() != nullptr && value.string()->markup;
}

// Filters take any value as the text it prints as.
template <std::string (*map)(std::string_view)>
Value map_filter(Call& call) {
  return call.rt.string(map(to_text(call.rt, call.input)),
                        is_markup(call.input));
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
  const std::string text = to_text(call.rt, call.input);
  const std::string_view trimmed = call.get_unless_none(0) == nullptr
                                       ? strip(text, Side::kBoth)
                                       : strip(text, Side::kBoth, call.text(0));
  return call.rt.string(std::string(trimmed), is_markup(call.input));
}

Value replace(Call& call) {
  const int64_t count =
      call.get_unless_none(2) == nullptr ? -1 : call.integer(2, -1);
  return call.rt.string(replace_text(call.rt, to_text(call.rt, call.input),
                                     to_text(call.rt, *call.get(0)),
                                     to_text(call.rt, *call.get(1)), count));
}

Value string(Call& call) {
  if (call.input.string() != nullptr) return call.input;
  return call.rt.string(to_text(call.rt, call.input));
}

Value safe(Call& call) {
  return call.rt.string(to_text(call.rt, call.input), true);
}

Value escape(Call& call) {
  if (is_markup(call.input)) return call.input;
  return call.rt.string(escape_html(to_text(call.rt, call.input)), true);
}

Value force_escape(Call& call) {
  return call.rt.string(escape_html(to_text(call.rt, call.input)), true);
}

// One level of indentation: a number of spaces or the text itself.
std::string indentation(Call& call, size_t parameter, int64_t otherwise) {
  const Value* given = call.get(parameter);
  if (given != nullptr && given->string() != nullptr) {
    return given->string()->text;
  }
  const int64_t spaces = call.integer(parameter, otherwise);
  if (spaces > 1000) call.rt.fail("an indentation of more than 1000 spaces");
  return std::string(static_cast<size_t>(std::max<int64_t>(spaces, 0)), ' ');
}

Value indent(Call& call) {
  if (call.input.string() == nullptr) {
    call.rt.refuse_undefined(call.input);
    call.rt.fail(
        fmt::format("'indent' expects a string, not a value of type "
                    "'{}'",
                    type_name(call.input)));
  }
  const std::string margin = indentation(call, 0, 4);
  const bool first = call.boolean(1, false);
  const bool blank = call.boolean(2, false);
  // The line break that ends the text for splitlines; Jinja adds it too.
  const std::string text = call.input.string()->text + "\n";
  std::string out = first ? margin : "";
  bool is_first = true;
  for (const std::string_view line : split_lines(text)) {
    if (!is_first) out += '\n';
    if (!is_first && (blank || !line.empty())) out += margin;
    out += line;
    is_first = false;
    call.rt.check_size(out.size());
  }
  return call.rt.string(std::move(out), is_markup(call.input));
}

Value center(Call& call) {
  return call.rt.string(center_text(call.rt, to_text(call.rt, call.input),
                                    call.integer(0, 80), " "),
                        is_markup(call.input));
}

Value format(Call& call) {
  const String text{to_text(call.rt, call.input), is_markup(call.input)};
  if (call.raw.named.empty()) {
    return percent_format(call.rt, text, call.rt.tuple(call.raw.positional));
  }
  if (!call.raw.positional.empty()) {
    call.rt.fail("'format' takes positional or named arguments, not both");
  }
  Dict arguments;
  for (const auto& [name, value] : call.raw.named) {
    call.rt.insert(arguments, Value(std::string(name)), value);
  }
  return percent_format(call.rt, text, call.rt.dict(std::move(arguments)));
}

// The parameters are those of Hugging Face's own tojson, not of Jinja's.
Value to_json_filter(Call& call) {
  JsonStyle style;
  style.ensure_ascii = call.boolean(0, false);
  if (call.get_unless_none(1) != nullptr) {
    style.indent = indentation(call, 1, 0);
    style.item_separator.resize(1);  // json.dumps leaves its space out then
  }
  if (const Value* separators = call.get_unless_none(2)) {
    const Sequence* pair = separators->sequence();
    if (pair == nullptr || pair->items.size() != 2 ||
        pair->items[0].string() == nullptr ||
        pair->items[1].string() == nullptr) {
      call.rt.fail("'tojson' expects two strings as 'separators'");
    }
    style.item_separator = pair->items[0].string()->text;
    style.key_separator = pair->items[1].string()->text;
  }
  style.sort_keys = call.boolean(3, false);
  return call.rt.string(to_json(call.rt, call.input, style));
}

}  // namespace

const BuiltinTable& text_filters() {
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
  };
  return table;
}

}  // namespace pilotfish::jinja
