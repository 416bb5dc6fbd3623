#include "constraint/pattern_characters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "constraint/unicode_class.h"
#include "pilotfish/error.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

using Ranges = std::vector<CodePointRange>;

struct NamedClass {
  std::string_view name;
  Ranges ranges;
};

const std::vector<NamedClass>& posix_classes() {
  static const std::vector<NamedClass> classes = {
      {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
      {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
      {"ascii", {{0, 0x7F}}},
      {"blank", {{'\t', '\t'}, {' ', ' '}}},
      {"cntrl", {{0, 0x1F}, {0x7F, 0x7F}}},
      {"digit", {{'0', '9'}}},
      {"graph", {{'!', '~'}}},
      {"lower", {{'a', 'z'}}},
      {"print", {{' ', '~'}}},
      {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
      {"space", {{'\t', '\r'}, {' ', ' '}}},
      {"upper", {{'A', 'Z'}}},
      {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
      {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
  };
  return classes;
}

// \d, \s and \w, by their letter. RE2's \s has no vertical tab; ECMA 262's has
// every blank of Unicode and the byte order mark.
std::optional<Ranges> escaped_class(char letter, bool ecma) {
  switch (letter) {
    case 'd':
      return Ranges{{'0', '9'}};
    case 'w':
      return Ranges{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    case 's':
      if (!ecma) return Ranges{{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
      return Ranges{{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},
                    {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
                    {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
                    {0xFEFF, 0xFEFF}};
    default:
      return std::nullopt;
  }
}

// Cases are added before the rest of Unicode is taken: "not a" ignores case
// where it excludes 'A' too.
CodePointSet named_set(Ranges ranges, bool negated, bool ignore_case) {
  CodePointSet set(std::move(ranges));
  if (ignore_case) set = set.with_cases();
  return negated ? set.negated() : set;
}

// More in one pattern are no honest ones: \pL has about 650.
constexpr std::int64_t kMostRanges = 1'000'000;

char lower(char letter) { return static_cast<char>(letter | 0x20); }

bool is_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

}  // namespace

void fail_pattern(std::string_view pattern, std::size_t place,
                  std::string_view what) {
  throw UsageError(fmt::format("regular expression {}: {}, at byte {}",
                               quoted_text(pattern), what, place));
}

void PatternCharacters::fail(std::size_t place, std::string_view what) const {
  fail_pattern(cursor_.source(), place, what);
}

void PatternCharacters::Members::add(const Item& item) {
  if (const auto* c = std::get_if<char32_t>(&item)) {
    plain.push_back({*c, *c});
  } else {
    const auto& ranges = std::get<CodePointSet>(item).ranges();
    ready.insert(ready.end(), ranges.begin(), ranges.end());
  }
}

CodePointSet PatternCharacters::escape(bool ignore_case) {
  const Item item = read_escape(false, ignore_case);
  if (const auto* set = std::get_if<CodePointSet>(&item)) return *set;
  const auto c = std::get<char32_t>(item);
  return named_set({{c, c}}, false, ignore_case);
}

CodePointSet PatternCharacters::brackets(bool ignore_case) {
  const std::size_t begin = cursor_.place();
  cursor_.skip(1);
  const bool negated = cursor_.take("^");
  Members members;
  // In RE2's syntax a bracket that comes first is a member.
  for (bool first = !ecma_; first || cursor_.peek() != ']'; first = false) {
    if (cursor_.at_end()) fail(begin, "'[' without its ']'");
    read_range(members, ignore_case);
  }
  cursor_.skip(1);
  const CodePointSet plain =
      named_set(std::move(members.plain), false, ignore_case);
  Ranges all = std::move(members.ready);
  all.insert(all.end(), plain.ranges().begin(), plain.ranges().end());
  const CodePointSet set(std::move(all));
  return counted(negated ? set.negated() : set);
}

// Goes past one item, or two with a '-' between them.
void PatternCharacters::read_range(Members& members, bool ignore_case) {
  const std::size_t begin = cursor_.place();
  const Item first = read_item(ignore_case);
  if (cursor_.peek() != '-' || cursor_.peek(1) == ']') {
    return members.add(first);
  }
  // RE2 takes the '-' behind \d for a member like any other.
  if (!ecma_ && std::holds_alternative<CodePointSet>(first)) {
    return members.add(first);
  }
  cursor_.skip(1);
  if (cursor_.at_end()) fail(begin, "a range of characters without an end");
  const Item last = read_item(ignore_case);
  if (std::holds_alternative<char32_t>(first) &&
      std::holds_alternative<char32_t>(last)) {
    const auto from = std::get<char32_t>(first);
    const auto to = std::get<char32_t>(last);
    if (from > to)
      fail(begin, "a range of characters that ends before it begins");
    return members.plain.push_back({from, to});
  }
  if (!ecma_) fail(begin, "a range of characters that ends in a class");
  members.add(first);
  members.add(char32_t{'-'});
  members.add(last);
}

PatternCharacters::Item PatternCharacters::read_item(bool ignore_case) {
  if (cursor_.peek() == '\\') return read_escape(true, ignore_case);
  if (!ecma_) {
    if (auto posix = read_posix_class(ignore_case)) return *std::move(posix);
  }
  return cursor_.next();
}

// Goes past "[:NAME:]" or "[:^NAME:]".
std::optional<CodePointSet> PatternCharacters::read_posix_class(
    bool ignore_case) {
  if (cursor_.peek() != '[' || cursor_.peek(1) != ':') return std::nullopt;
  const std::size_t begin = cursor_.place();
  const std::string_view rest = cursor_.rest().substr(2);
  const std::size_t end = rest.find(":]");
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view name = rest.substr(0, end);
  const bool negated = name.starts_with('^');
  if (negated) name.remove_prefix(1);
  const auto& classes = posix_classes();
  const auto found = std::ranges::find(classes, name, &NamedClass::name);
  if (found == classes.end()) {
    fail(begin, fmt::format("no class of characters has the name {}",
                            quoted_text(name)));
  }
  cursor_.skip(2 + end + 2);
  return named_set(found->ranges, negated, ignore_case);
}

PatternCharacters::Item PatternCharacters::read_escape(bool in_brackets,
                                                       bool ignore_case) {
  const std::size_t begin = cursor_.place();
  cursor_.skip(1);
  if (cursor_.at_end()) fail(begin, "a backslash with nothing behind it");
  if (auto set = read_named_class(ignore_case)) return *std::move(set);
  if (const auto c = read_numeric_escape(begin)) {
    if (*c > kLastCodePoint) fail(begin, "a number above U+10FFFF");
    if (is_surrogate(*c)) {
      fail(begin, "half of a surrogate pair, which is no character");
    }
    return *c;
  }
  if (const auto c = read_letter_escape(in_brackets)) {
    cursor_.skip(1);
    return *c;
  }
  refuse_escape(begin);
}

// Goes past the letter of \d, \S and so on, and past \pL, \p{Greek}.
std::optional<CodePointSet> PatternCharacters::read_named_class(
    bool ignore_case) {
  const char letter = cursor_.peek();
  if (lower(letter) == 'p') return read_unicode_class(ignore_case);
  auto ranges = escaped_class(lower(letter), ecma_);
  if (!ranges) return std::nullopt;
  cursor_.skip(1);
  return named_set(*std::move(ranges), letter != lower(letter), ignore_case);
}

CodePointSet PatternCharacters::read_unicode_class(bool ignore_case) {
  const std::size_t begin = cursor_.place() - 1;
  bool negated = cursor_.peek() == 'P';
  cursor_.skip(1);
  std::string_view name;
  if (cursor_.take("{")) {
    const std::size_t end = cursor_.rest().find('}');
    if (end == std::string_view::npos) fail(begin, "'{' without its '}'");
    name = cursor_.rest().substr(0, end);
    cursor_.skip(end + 1);
  } else if (!ecma_ && !cursor_.at_end()) {
    const std::string_view rest = cursor_.rest();
    cursor_.next();
    name = rest.substr(0, rest.size() - cursor_.rest().size());
  }
  if (!ecma_ && name.starts_with('^')) {
    negated = !negated;
    name.remove_prefix(1);
  }
  const auto set = ecma_ ? ecma_unicode_class(name) : unicode_class(name);
  if (!set) {
    fail(begin, fmt::format("no class of Unicode characters has the name {}",
                            quoted_text(name)));
  }
  return counted(named_set(set->ranges(), negated, ignore_case));
}

CodePointSet PatternCharacters::counted(CodePointSet set) {
  ranges_ += std::ssize(set.ranges());
  if (ranges_ > kMostRanges) {
    fail(cursor_.place(), "too many large classes of characters");
  }
  return set;
}

// Goes past what follows the backslash of \x41, \x{41}, \101 (RE2) or \u0041,
// \u{41}, \0, \cJ (ECMA 262).
std::optional<char32_t> PatternCharacters::read_numeric_escape(
    std::size_t begin) {
  const auto need = [&](std::optional<char32_t> value) {
    if (!value) fail(begin, "an escape that lacks hexadecimal digits");
    return *value;
  };
  const auto in_braces = [&] {
    const char32_t value = need(cursor_.hex(1, SIZE_MAX));
    if (!cursor_.take("}")) fail(begin, "'{' without its '}'");
    return value;
  };
  if (!ecma_ && cursor_.take("x{")) return in_braces();
  if (cursor_.take("x")) return need(cursor_.hex(2, 2));
  if (ecma_) {
    if (cursor_.take("u{")) return in_braces();
    if (cursor_.take("u")) return read_utf16_escape(begin);
    if (cursor_.peek() == '0' && !is_ascii_digit(cursor_.peek(1))) {
      cursor_.skip(1);
      return char32_t{0};
    }
    if (cursor_.peek() == 'c' && is_ascii_letter(cursor_.peek(1))) {
      cursor_.skip(1);
      return cursor_.next() & 0x1F;
    }
    return std::nullopt;
  }
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  if (!is_octal(cursor_.peek())) return std::nullopt;
  // "\1" is a backreference, which refuse_escape() refuses.
  if (cursor_.peek() != '0' && !is_octal(cursor_.peek(1))) return std::nullopt;
  char32_t value = 0;
  for (int i = 0; i < 3 && is_octal(cursor_.peek()); ++i) {
    value = 8 * value + (cursor_.next() - '0');
  }
  return value;
}

// Goes past four digits, and past a second \uXXXX where both are one character.
std::optional<char32_t> PatternCharacters::read_utf16_escape(
    std::size_t begin) {
  const auto unit = cursor_.hex(4, 4);
  if (!unit) fail(begin, "an escape that lacks hexadecimal digits");
  if (*unit < 0xD800 || *unit > 0xDBFF) return unit;
  const std::size_t behind = cursor_.place();
  if (cursor_.take("\\u")) {
    const auto low = cursor_.hex(4, 4);
    if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
      return 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00);
    }
  }
  cursor_.go_to(behind);
  return unit;
}

// The character that an escaped one stands for.
std::optional<char32_t> PatternCharacters::read_letter_escape(
    bool in_brackets) const {
  const char letter = cursor_.peek();
  switch (letter) {
    case 'f':
      return U'\f';
    case 'n':
      return U'\n';
    case 'r':
      return U'\r';
    case 't':
      return U'\t';
    case 'v':
      return U'\v';
    case 'a':
      if (!ecma_) return U'\a';
      return std::nullopt;
    case 'b':
      if (ecma_ && in_brackets) return U'\b';
      return std::nullopt;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(letter);
  if (byte >= 0x80 || is_ascii_letter(letter) || is_ascii_digit(letter)) {
    return std::nullopt;
  }
  return byte;
}

void PatternCharacters::refuse_escape(std::size_t begin) const {
  const char letter = cursor_.peek();
  const auto length = utf8_character_length(cursor_.rest());
  const std::string_view shown = cursor_.rest().substr(0, length);
  if (is_ascii_digit(letter) || letter == 'k' || letter == 'g') {
    fail(begin,
         fmt::format("a backreference, \\{}, cannot be enforced", shown));
  }
  if (lower(letter) == 'b') {
    fail(begin,
         fmt::format("a word boundary, \\{}, cannot be enforced", shown));
  }
  if (letter == 'C' && !ecma_) {
    fail(begin, "\\C is about single bytes, which cannot be enforced");
  }
  fail(begin,
       fmt::format("\\ before {} means nothing in {}", quoted_text(shown),
                   ecma_ ? "ECMA 262" : "RE2's syntax"));
}

}  // namespace pilotfish
