#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

constexpr size_t kNone = std::string_view::npos;

const std::string& receiver(const Call& call) {
  return call.input.string()->text;
}

// Part of the receiver, of whose text it is a view.
Value receiver_part(Call& call, std::string_view part) {
  return call.rt.string(part_of(*call.input.string(), part));
}

// A string argument, escaped where it goes into markup.
String argument_text(Call& call, size_t parameter) {
  const String& text = call.string(parameter);
  return call.input.string()->markup && !text.markup ? escape_html(text) : text;
}

template <Side side>
Value strip_method(Call& call) {
  if (call.get_unless_none(0) == nullptr) {
    return receiver_part(call, strip(receiver(call), side));
  }
  return call.rt.string(
      strip_text(call.rt, *call.input.string(), side, call.text(0)));
}

template <std::string (*map)(std::string_view)>
Value map_method(Call& call) {
  return call.rt.string(made_from(*call.input.string(), map(receiver(call))));
}

Value replace_method(Call& call) {
  return call.rt.string(
      replace_text(call.rt, *call.input.string(), argument_text(call, 0).text,
                   argument_text(call, 1), call.integer(2, -1)));
}

Value join_method(Call& call) {
  const String& separator = *call.input.string();
  String out{{}, separator.markup};
  bool first = true;
  const auto items = iterate(call.rt, *call.get(0));
  for (const Value& item : *items) {
    const String* text = item.string();
    if (text == nullptr) {
      call.rt.refuse_undefined(item);
      call.rt.fail(
          fmt::format("'join' expects strings, not a value of type "
                      "'{}'",
                      type_name(item)));
    }
    call.rt.charge(1);
    call.rt.check_size(out.text.size() + separator.text.size() +
                       text->text.size());
    if (!first) out.append(separator);
    first = false;
    if (separator.markup && !text->markup) {
      out.append(escape_html(*text));
    } else {
      out.append(*text);
    }
  }
  return call.rt.string(std::move(out));
}

// The parts of a split, `most` cuts at most.
class Splitter {
 public:
  Splitter(Call& call, bool from_right)
      : call_(call), text_(receiver(call)), from_right_(from_right) {
    const int64_t count = call.integer(1, -1);
    most_ = count < 0 ? UINT64_MAX : static_cast<uint64_t>(count);
  }

  Value run() {
    if (call_.get_unless_none(0) != nullptr) {
      const std::string& separator = call_.text(0);
      if (separator.empty()) call_.rt.fail("'split' by an empty string");
      if (from_right_) {
        split_by_from_right(separator);
      } else {
        split_by(separator);
      }
    } else {
      split_by_space();
    }
    if (from_right_) std::reverse(parts_.begin(), parts_.end());
    return call_.rt.list(std::move(parts_));
  }

 private:
  void add(std::string_view part) {
    parts_.push_back(receiver_part(call_, part));
  }

  void split_by(std::string_view separator) {
    size_t from = 0;
    for (uint64_t done = 0; done < most_; ++done) {
      const size_t at = find_text(text_, separator, from);
      if (at == kNone) break;
      add(text_.substr(from, at - from));
      from = at + separator.size();
    }
    add(text_.substr(from));
  }

  void split_by_from_right(std::string_view separator) {
    std::string_view rest = text_;
    for (uint64_t done = 0; done < most_; ++done) {
      const size_t at = find_last_text(rest, separator);
      if (at == kNone) break;
      add(rest.substr(at + separator.size()));
      rest = rest.substr(0, at);
    }
    add(rest);
  }

  void split_by_space() {
    const Side outer = from_right_ ? Side::kRight : Side::kLeft;
    std::string_view rest = strip(text_, outer);
    for (uint64_t done = 0; !rest.empty() && done < most_; ++done) {
      const size_t end = word_size(rest);
      add(from_right_ ? rest.substr(rest.size() - end) : rest.substr(0, end));
      if (from_right_) {
        rest.remove_suffix(end);
      } else {
        rest.remove_prefix(end);
      }
      rest = strip(rest, outer);
    }
    if (!rest.empty()) add(rest);
  }

  // Bytes of the first word, or of the last from the right.
  size_t word_size(std::string_view text) const {
    size_t size = 0;
    while (size < text.size()) {
      const Character c = from_right_
                              ? character_before(text, text.size() - size)
                              : character_at(text, size);
      if (is_space(c.code)) break;
      size += c.bytes;
    }
    return size;
  }

  Call& call_;
  std::string_view text_;
  bool from_right_;
  uint64_t most_ = 0;
  Values parts_;
};

template <bool from_right>
Value split_method(Call& call) {
  return Splitter(call, from_right).run();
}

Value split_lines_method(Call& call) {
  const bool keep_ends = call.boolean(0, false);
  Values lines;
  for (const std::string_view line : split_lines(receiver(call), keep_ends)) {
    lines.push_back(receiver_part(call, line));
  }
  return call.rt.list(std::move(lines));
}

template <bool from_right>
Value partition_method(Call& call) {
  const std::string_view text = receiver(call);
  const std::string& separator = call.text(0);
  if (separator.empty()) call.rt.fail("'partition' by an empty string");
  const size_t at =
      from_right ? find_last_text(text, separator) : find_text(text, separator);
  std::array<std::string_view, 3> parts;
  if (at == kNone) {
    parts[from_right ? 2 : 0] = text;
  } else {
    parts = {text.substr(0, at), text.substr(at, separator.size()),
             text.substr(at + separator.size())};
  }
  Values values;
  for (const std::string_view part : parts) {
    values.push_back(receiver_part(call, part));
  }
  return call.rt.tuple(std::move(values));
}

// startswith and endswith take one text or a tuple of them.
template <bool at_end>
Value affix_method(Call& call) {
  const std::string& text = receiver(call);
  const auto matches = [&](const std::string& affix) {
    return at_end ? text.ends_with(affix) : text.starts_with(affix);
  };
  const Sequence* choices = call.get(0)->sequence();
  if (choices == nullptr || choices->kind != SequenceKind::kTuple) {
    return Value(matches(call.text(0)));
  }
  return Value(std::any_of(
      choices->items.begin(), choices->items.end(), [&](const Value& choice) {
        if (choice.string() == nullptr) {
          call.rt.fail("a tuple of texts expected");
        }
        call.rt.charge(1 + choice.string()->text.size() / kBytesPerUnit);
        return matches(choice.string()->text);
      }));
}

template <bool at_end>
Value remove_affix_method(Call& call) {
  std::string_view text = receiver(call);
  const std::string& affix = call.text(0);
  if (at_end && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!at_end && text.starts_with(affix)) text.remove_prefix(affix.size());
  return receiver_part(call, text);
}

// The part of the receiver that find's optional bounds leave: a byte offset
// and the text.
struct Window {
  size_t begin_byte = 0;
  std::string_view text;
  bool valid = true;  // false where the start lies behind the end
};

Window search_window(Call& call) {
  const std::string& text = receiver(call);
  call.rt.charge(text.size() / kBytesPerUnit);
  if (!call.has(1)) return {0, text, true};
  const std::vector<size_t> offsets = character_offsets(text);
  const auto size = static_cast<int64_t>(offsets.size() - 1);
  const auto bound = [&](size_t parameter, int64_t otherwise) {
    if (call.get(parameter) == nullptr || call.get(parameter)->is_none()) {
      return otherwise;
    }
    const int64_t given = call.integer(parameter, otherwise);
    return std::max<int64_t>(given < 0 ? given + size : given, 0);
  };
  const int64_t begin = bound(1, 0);
  const int64_t end = std::min(bound(2, size), size);
  if (begin > end) return {0, {}, false};
  const size_t first = offsets[static_cast<size_t>(begin)];
  const size_t last = offsets[static_cast<size_t>(end)];
  return {first, std::string_view(text).substr(first, last - first), true};
}

int64_t find_position(Call& call, bool from_right) {
  const Window window = search_window(call);
  const std::string& needle = call.text(0);
  const size_t at = !window.valid ? kNone
                    : from_right  ? find_last_text(window.text, needle)
                                  : find_text(window.text, needle);
  if (at == kNone) return -1;
  return static_cast<int64_t>(count_characters(
      std::string_view(receiver(call)).substr(0, window.begin_byte + at)));
}

template <bool from_right>
Value find_method_of_string(Call& call) {
  return Value(find_position(call, from_right));
}

template <bool from_right>
Value index_method(Call& call) {
  const int64_t position = find_position(call, from_right);
  if (position < 0) call.rt.fail("'index': the text does not occur");
  return Value(position);
}

Value count_method(Call& call) {
  const Window window = search_window(call);
  const std::string& needle = call.text(0);
  if (!window.valid) return Value(int64_t{0});
  if (needle.empty()) {
    return Value(static_cast<int64_t>(count_characters(window.text)) + 1);
  }
  int64_t count = 0;
  for (size_t at = find_text(window.text, needle); at != kNone;
       at = find_text(window.text, needle, at + needle.size())) {
    ++count;
  }
  return Value(count);
}

template <bool (*has)(char32_t)>
Value all_method(Call& call) {
  const std::string& text = receiver(call);
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    if (!has(c.code)) return Value(false);
    at += c.bytes;
  }
  return Value(!text.empty());
}

bool is_letter_or_number(char32_t code) {
  return is_letter(code) || is_numeric(code);
}

bool is_ascii(char32_t code) { return code < 0x80; }

// Like all_method, but true for an empty text.
template <bool (*has)(char32_t)>
Value none_lacks_method(Call& call) {
  return receiver(call).empty() ? Value(true) : all_method<has>(call);
}

Value identifier_method(Call& call) {
  const std::string_view text = receiver(call);
  if (text.empty()) return Value(false);
  const Character first = character_at(text, 0);
  if (!starts_identifier(first.code)) return Value(false);
  for (size_t at = first.bytes; at < text.size();) {
    const Character c = character_at(text, at);
    if (!continues_identifier(c.code)) return Value(false);
    at += c.bytes;
  }
  return Value(true);
}

Value title_method(Call& call) { return Value(is_title(receiver(call))); }

template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Value case_method(Call& call) {
  return Value(has_one_case(receiver(call), wanted, other));
}

String fill_character(Call& call) {
  if (!call.has(1)) return {" "};
  const String& fill = call.string(1);
  if (count_characters(fill.text) != 1) {
    call.rt.fail("the fill character must be one character");
  }
  return fill;
}

// Characters that are missing to the asked width. Bounded before the sum, which
// could overflow.
int64_t missing_width(Call& call) {
  const auto size = static_cast<int64_t>(count_characters(receiver(call)));
  const auto limit = static_cast<int64_t>(kMaxStringBytes) + 1;
  return std::clamp<int64_t>(call.integer(0, 0), 0, limit) - size;
}

template <bool fill_left>
Value justify_method(Call& call) {
  const int64_t missing = missing_width(call);
  return call.rt.string(
      pad_text(call.rt, *call.input.string(), fill_left ? missing : 0,
               fill_left ? 0 : missing, fill_character(call)));
}

Value center_method(Call& call) {
  return call.rt.string(center_text(call.rt, *call.input.string(),
                                    call.integer(0, 0), fill_character(call)));
}

Value zero_fill_method(Call& call) {
  const int64_t missing = missing_width(call);
  const String& whole = *call.input.string();
  const std::string_view text = whole.text;
  const bool has_sign = text.starts_with('+') || text.starts_with('-');
  String out = part_of(whole, text.substr(0, has_sign ? 1 : 0));
  const String digits = part_of(whole, text.substr(has_sign ? 1 : 0));
  out.append(pad_text(call.rt, digits, missing, 0, {"0"}));
  return call.rt.string(std::move(out));
}

Value expand_tabs_method(Call& call) {
  const int64_t width = call.integer(0, 8);
  if (width > 1000) call.rt.fail("'expandtabs' to more than 1000 columns");
  const String& whole = *call.input.string();
  const std::string_view text = whole.text;
  String out{{}, whole.markup};
  int64_t column = 0;
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    if (c.code == '\t') {
      const int64_t blanks = width > 0 ? width - column % width : 0;
      out.append(std::string(static_cast<size_t>(blanks), ' '));
      column += blanks;
    } else {
      out.append(whole, text.substr(at, c.bytes));
      column = c.code == '\n' || c.code == '\r' ? 0 : column + 1;
    }
    call.rt.check_size(out.text.size());
    at += c.bytes;
  }
  return call.rt.string(std::move(out));
}

Value format_method(Call& call) {
  Dict named;
  for (const auto& [name, value] : call.raw.named) {
    call.rt.insert(named, Value(name), value);
  }
  return format_text(call.rt, *call.input.string(), call.raw.positional, named);
}

Value format_map_method(Call& call) {
  const Dict* mapping = call.get(0)->dict();
  if (mapping == nullptr) call.rt.fail("'format_map' expects a mapping");
  return format_text(call.rt, *call.input.string(), {}, *mapping);
}

bool is_unsupported(std::string_view name) {
  return name == "encode" || name == "translate";
}

}  // namespace

const Builtin* find_string_method(Runtime& rt, std::string_view name) {
  static const BuiltinTable table = {
      {"strip", {"chars"}, 0, strip_method<Side::kBoth>},
      {"lstrip", {"chars"}, 0, strip_method<Side::kLeft>},
      {"rstrip", {"chars"}, 0, strip_method<Side::kRight>},
      {"upper", {}, 0, map_method<to_upper>},
      {"lower", {}, 0, map_method<to_lower>},
      {"title", {}, 0, map_method<title_case>},
      {"capitalize", {}, 0, map_method<capitalize>},
      {"swapcase", {}, 0, map_method<swap_case>},
      {"casefold", {}, 0, map_method<fold_case>},
      {"expandtabs", {"tabsize"}, 0, expand_tabs_method},
      {"format", {}, 0, format_method, true},
      {"format_map", {"mapping"}, 1, format_map_method},
      {"replace", {"old", "new", "count"}, 2, replace_method},
      {"join", {"iterable"}, 1, join_method},
      {"split", {"sep", "maxsplit"}, 0, split_method<false>},
      {"rsplit", {"sep", "maxsplit"}, 0, split_method<true>},
      {"splitlines", {"keepends"}, 0, split_lines_method},
      {"partition", {"sep"}, 1, partition_method<false>},
      {"rpartition", {"sep"}, 1, partition_method<true>},
      {"startswith", {"prefix"}, 1, affix_method<false>},
      {"endswith", {"suffix"}, 1, affix_method<true>},
      {"removeprefix", {"prefix"}, 1, remove_affix_method<false>},
      {"removesuffix", {"suffix"}, 1, remove_affix_method<true>},
      {"find", {"sub", "start", "end"}, 1, find_method_of_string<false>},
      {"rfind", {"sub", "start", "end"}, 1, find_method_of_string<true>},
      {"index", {"sub", "start", "end"}, 1, index_method<false>},
      {"rindex", {"sub", "start", "end"}, 1, index_method<true>},
      {"count", {"sub", "start", "end"}, 1, count_method},
      {"isdigit", {}, 0, all_method<is_digit>},
      {"isalpha", {}, 0, all_method<is_letter>},
      {"isalnum", {}, 0, all_method<is_letter_or_number>},
      {"isdecimal", {}, 0, all_method<is_decimal>},
      {"isnumeric", {}, 0, all_method<is_numeric>},
      {"isascii", {}, 0, none_lacks_method<is_ascii>},
      {"isprintable", {}, 0, none_lacks_method<is_printable>},
      {"isidentifier", {}, 0, identifier_method},
      {"istitle", {}, 0, title_method},
      {"isspace", {}, 0, all_method<is_space>},
      {"isupper", {}, 0, case_method<has_upper_case, has_lower_case>},
      {"islower", {}, 0, case_method<has_lower_case, has_upper_case>},
      {"ljust", {"width", "fillchar"}, 1, justify_method<false>},
      {"rjust", {"width", "fillchar"}, 1, justify_method<true>},
      {"center", {"width", "fillchar"}, 1, center_method},
      {"zfill", {"width"}, 1, zero_fill_method},
  };
  const Builtin* method = table.find(name);
  if (method == nullptr && is_unsupported(name)) {
    rt.fail(fmt::format("the string method '{}' is not supported", name));
  }
  return method;
}

}  // namespace pilotfish::jinja
