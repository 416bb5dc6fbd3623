#include "constraint/regex.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "constraint/anchored.h"
#include "constraint/code_points.h"
#include "constraint/cursor.h"
#include "constraint/pattern_characters.h"
#include "pilotfish/error.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

constexpr std::size_t kMostPatternBytes = std::size_t{1} << 16;
// Parsing and what comes after it recurse as deep as groups are nested.
constexpr int kMostNestedGroups = 150;
// RE2's bound, for one repetition and for the product of nested ones.
constexpr std::int64_t kMostRe2Repetitions = 1000;
constexpr std::int64_t kMostRepetitions = 1'000'000'000;

// What (?ims) switches, until the group ends.
struct Flags {
  bool ignore_case = false;
  bool multi_line = false;
  bool dot_takes_all = false;
};

// A part of the pattern, as it was read.
struct ParsedPiece {
  Anchored texts;
  // The largest product of nested repetitions in it, as RE2 counts them.
  std::int64_t repetitions = 1;
};

// A quantifier: how often what stands before it comes.
struct Quantifier {
  std::int64_t min;
  std::int64_t max;
};

class RegexParser {
 public:
  RegexParser(Grammar& grammar, std::string_view pattern,
              RegexOptions::Syntax syntax)
      : grammar_(grammar),
        parts_(grammar),
        ecma_(syntax == RegexOptions::Syntax::kEcma),
        cursor_(pattern),
        characters_(cursor_, syntax) {}

  Anchored parse() {
    Flags flags;
    const ParsedPiece all = parse_choice(flags);
    if (!cursor_.at_end()) fail("')' without its '('");
    return all.texts;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    fail_at(cursor_.place(), what);
  }
  [[noreturn]] void fail_at(std::size_t place, std::string_view what) const {
    fail_pattern(cursor_.source(), place, what);
  }

  // Flags that an alternative sets hold for those behind it as well.
  ParsedPiece parse_choice(Flags& flags) {
    std::vector<Anchored> alternatives;
    std::int64_t repetitions = 1;
    do {
      ParsedPiece piece = parse_sequence(flags);
      repetitions = std::max(repetitions, piece.repetitions);
      alternatives.push_back(std::move(piece.texts));
    } while (cursor_.take("|"));
    return {parts_.choice(alternatives), repetitions};
  }

  ParsedPiece parse_sequence(Flags& flags) {
    std::vector<Anchored> pieces;
    std::int64_t repetitions = 1;
    while (!cursor_.at_end() && cursor_.peek() != '|' &&
           cursor_.peek() != ')') {
      if (take_flags(flags)) {
        if (at_quantifier()) fail("nothing to repeat");
        continue;
      }
      if (!ecma_ && cursor_.take("\\Q")) {
        parse_quoted(flags, pieces);
        continue;
      }
      const ParsedPiece piece = parse_quantified(flags);
      repetitions = std::max(repetitions, piece.repetitions);
      pieces.push_back(piece.texts);
    }
    return {parts_.sequence(pieces), repetitions};
  }

  // Goes past "...\E", or to the end. A quantifier behind it is for the last
  // character.
  void parse_quoted(const Flags& flags, std::vector<Anchored>& pieces) {
    while (!cursor_.at_end() && !cursor_.take("\\E")) {
      const char32_t c = cursor_.next();
      const bool last = cursor_.take("\\E");
      const ParsedPiece piece{literal(c, flags)};
      pieces.push_back(last ? quantified(piece).texts : piece.texts);
      if (last) return;
    }
  }

  ParsedPiece parse_quantified(const Flags& flags) {
    if (at_quantifier()) fail("nothing to repeat");
    return quantified(parse_atom(flags));
  }

  ParsedPiece parse_atom(const Flags& flags) {
    switch (cursor_.peek()) {
      case '(':
        return parse_group(flags);
      case '[':
        return {character(characters_.brackets(flags.ignore_case))};
      case '.':
        cursor_.skip(1);
        return {character(dot(flags))};
      case '^':
      case '$':
        return {parse_anchor(flags)};
      case '\\':
        return {parse_escape(flags)};
      default:
        return {literal(cursor_.next(), flags)};
    }
  }

  Anchored parse_anchor(const Flags& flags) {
    if (flags.multi_line) {
      fail(
          fmt::format("{} with (?m) is about the lines inside a text, which "
                      "cannot be enforced",
                      cursor_.peek()));
    }
    return cursor_.next() == U'^' ? parts_.text_begin() : parts_.text_end();
  }

  Anchored parse_escape(const Flags& flags) {
    if (!ecma_ && cursor_.take("\\A")) return parts_.text_begin();
    if (!ecma_ && cursor_.take("\\z")) return parts_.text_end();
    return character(characters_.escape(flags.ignore_case));
  }

  ParsedPiece parse_group(Flags flags) {
    const std::size_t begin = cursor_.place();
    if (++nested_groups_ > kMostNestedGroups) {
      fail(fmt::format("groups are nested more than {} deep",
                       kMostNestedGroups));
    }
    cursor_.skip(1);
    if (cursor_.peek() == '?') parse_group_head(begin, flags);
    ParsedPiece piece = parse_choice(flags);
    if (!cursor_.take(")")) fail_at(begin, "'(' without its ')'");
    --nested_groups_;
    return piece;
  }

  // Goes past "?:", "?flags:", "?P<name>" or "?<name>".
  void parse_group_head(std::size_t begin, Flags& flags) {
    refuse_special_group(begin);
    if (cursor_.take("?P<") || cursor_.take("?<")) {
      return parse_group_name(begin);
    }
    cursor_.skip(1);
    parse_flags(begin, flags);
    if (!cursor_.take(":")) refuse_group(begin);
  }

  void refuse_special_group(std::size_t begin) const {
    for (const char* head : {"?=", "?!", "?<=", "?<!"}) {
      if (cursor_.rest().starts_with(head)) {
        fail_at(begin,
                fmt::format("lookaround, ({}, cannot be enforced", head));
      }
    }
    if (cursor_.rest().starts_with("?P=")) {
      fail_at(begin, "a backreference, (?P=, cannot be enforced");
    }
    if (cursor_.rest().starts_with("?>")) {
      fail_at(begin, "(?> never goes back, which cannot be enforced");
    }
  }

  [[noreturn]] void refuse_group(std::size_t begin) const {
    fail_at(begin,
            fmt::format("a group that begins with {} means nothing in {}",
                        quoted_text(cursor_.source().substr(
                            begin, cursor_.place() - begin + 1)),
                        ecma_ ? "ECMA 262" : "RE2's syntax"));
  }

  void parse_group_name(std::size_t begin) {
    const std::size_t end = cursor_.rest().find('>');
    const std::string_view name = cursor_.rest().substr(0, end);
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
      return is_ascii_letter(c) || is_ascii_digit(c) || c == '_' || c == '$' ||
             static_cast<unsigned char>(c) >= 0x80;
    });
    if (end == std::string_view::npos || !is_name) {
      fail_at(begin, "a group whose name is none");
    }
    if (!names_.emplace(name).second) {
      fail_at(begin, fmt::format("a second group with the name {}",
                                 quoted_text(name)));
    }
    cursor_.skip(end + 1);
  }

  // Goes past "(?flags)", which sets them for the rest of the group.
  bool take_flags(Flags& flags) {
    if (!cursor_.rest().starts_with("(?")) return false;
    const std::size_t begin = cursor_.place();
    Flags changed = flags;
    cursor_.skip(2);
    parse_flags(begin, changed);
    if (!cursor_.take(")")) {
      cursor_.go_to(begin);
      return false;
    }
    flags = changed;
    return true;
  }

  // Goes past letters such as those of "im-s".
  void parse_flags(std::size_t begin, Flags& flags) {
    bool value = true;
    bool needs_letter = false;
    for (;; cursor_.skip(1)) {
      const char letter = cursor_.peek();
      if (letter == 'i') {
        flags.ignore_case = value;
      } else if (letter == 'm') {
        flags.multi_line = value;
      } else if (letter == 's') {
        flags.dot_takes_all = value;
      } else if (letter == '-' && value) {
        value = false;
        needs_letter = true;
        continue;
      } else if (letter != 'U' || ecma_) {
        // (?U) makes repetitions lazy, which no text is longer for.
        break;
      }
      needs_letter = false;
    }
    if (needs_letter) fail_at(begin, "a '-' without flags behind it");
  }

  bool at_quantifier() {
    const std::size_t begin = cursor_.place();
    const bool found = take_quantifier().has_value();
    cursor_.go_to(begin);
    return found;
  }

  // Goes past a quantifier, but not past the '?' that makes it lazy.
  std::optional<Quantifier> take_quantifier() {
    if (cursor_.take("*")) return Quantifier{0, Grammar::kUnlimited};
    if (cursor_.take("+")) return Quantifier{1, Grammar::kUnlimited};
    if (cursor_.take("?")) return Quantifier{0, 1};
    const std::size_t begin = cursor_.place();
    if (cursor_.take("{")) {
      const auto min = cursor_.number(kMostRepetitions);
      if (min && cursor_.take("}")) return Quantifier{*min, *min};
      if (min && cursor_.take(",")) {
        const auto max = cursor_.number(kMostRepetitions);
        if (cursor_.take("}")) {
          return Quantifier{*min, max.value_or(Grammar::kUnlimited)};
        }
      }
    }
    cursor_.go_to(begin);
    return std::nullopt;
  }

  // What was read, with the quantifier that stands behind it, if one does.
  ParsedPiece quantified(ParsedPiece piece) {
    const std::size_t begin = cursor_.place();
    const auto quantifier = take_quantifier();
    if (!quantifier) return piece;
    const auto [min, max] = *quantifier;
    if (max != Grammar::kUnlimited && max < min) {
      fail_at(begin, "a repetition whose maximum is less than its minimum");
    }
    const std::int64_t most = ecma_ ? kMostRepetitions : kMostRe2Repetitions;
    if (std::max(min, max) > most) {
      fail_at(begin, fmt::format("more than {} repetitions", most));
    }
    const bool counts = cursor_.source()[begin] == '{';
    const std::int64_t rounds = max == Grammar::kUnlimited ? min : max;
    if (!ecma_ && counts && rounds > 0) {
      piece.repetitions *= rounds;
      if (piece.repetitions > kMostRe2Repetitions) {
        fail_at(begin, fmt::format("nested repetitions of more than {} in all",
                                   kMostRe2Repetitions));
      }
    }
    cursor_.take("?");
    if (at_quantifier()) fail("a repetition of a repetition; use (?:...)");
    piece.texts = parts_.repeat(piece.texts, min, max);
    return piece;
  }

  CodePointSet dot(const Flags& flags) const {
    std::vector<CodePointRange> left_out;
    if (!flags.dot_takes_all) {
      left_out.push_back({'\n', '\n'});
      if (ecma_) {
        left_out.push_back({'\r', '\r'});
        left_out.push_back({0x2028, 0x2029});
      }
    }
    return CodePointSet(std::move(left_out)).negated();
  }

  Anchored literal(char32_t c, const Flags& flags) {
    const CodePointSet set({{c, c}});
    return character(flags.ignore_case ? set.with_cases() : set);
  }

  // A class that comes again is not put together again: one like \pL takes
  // thousands of expressions.
  Anchored character(const CodePointSet& set) {
    const auto [known, is_new] =
        known_characters_.try_emplace(set.ranges(), grammar_.nothing());
    if (is_new) known->second = grammar_.character(set.ranges());
    return parts_.plain(known->second);
  }

  Grammar& grammar_;
  AnchoredParts parts_;
  bool ecma_;
  Cursor cursor_;
  PatternCharacters characters_;
  std::map<std::vector<CodePointRange>, Grammar::Expr> known_characters_;
  int nested_groups_ = 0;
  std::set<std::string, std::less<>> names_;
};

}  // namespace

Grammar::Expr regex_to_grammar(Grammar& grammar, std::string_view pattern,
                               const RegexOptions& options) {
  if (pattern.size() > kMostPatternBytes) {
    throw UsageError(
        fmt::format("a regular expression of {} bytes, expected at most {}",
                    pattern.size(), kMostPatternBytes));
  }
  if (!is_valid_utf8(pattern)) {
    throw UsageError(fmt::format("regular expression {} is not UTF-8",
                                 quoted_text(pattern)));
  }
  const Anchored matched =
      RegexParser(grammar, pattern, options.syntax).parse();
  const AnchoredParts parts(grammar);
  return options.search ? parts.anywhere(matched) : parts.whole(matched);
}

}  // namespace pilotfish
