#include "constraint/gbnf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "constraint/code_points.h"
#include "constraint/cursor.h"
#include "constraint/grammar_facts.h"
#include "pilotfish/error.h"
#include "text/unicode_form.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

constexpr std::size_t kMostSourceBytes = std::size_t{4} << 20;
// Parsing and what comes after it recurse as deep as groups are nested.
constexpr int kMostLevels = 320;
constexpr std::int64_t kMostRounds = 1'000'000'000;

bool is_name_character(char c) {
  return is_ascii_letter(c) || is_ascii_digit(c) || c == '-' || c == '_';
}

class GbnfParser {
 public:
  explicit GbnfParser(std::string_view source) : cursor_(source) {}

  Grammar parse() {
    skip_space(true);
    while (!cursor_.at_end()) parse_rule();
    check_rules();
    return std::move(grammar_);
  }

 private:
  // What a quantifier applies to.
  struct Item {
    Grammar::Expr expr;
    int levels = 0;  // of groups, or quantifiers, inside each other
  };

  struct NamedRule {
    Grammar::Rule rule;
    std::size_t place;  // of its definition, or else where it is first called
    bool defined = false;
  };

  [[noreturn]] void fail(std::string_view what) const {
    fail_at(cursor_.place(), what);
  }

  [[noreturn]] void fail_at(std::size_t place, std::string_view what) const {
    const std::string_view before = cursor_.source().substr(0, place);
    const auto line = 1 + std::ranges::count(before, '\n');
    const std::size_t line_begin = before.find_last_of('\n') + 1;
    std::size_t column = 1;
    for (std::size_t i = line_begin; i < place; ++column) {
      i += utf8_character_length(before.substr(i));
    }
    throw UsageError(
        fmt::format("grammar, line {}, column {}: {}", line, column, what));
  }

  // What stands at the place, for a message.
  std::string found() const {
    if (cursor_.at_end()) return "the end";
    if (cursor_.peek() == '\n' || cursor_.peek() == '\r') {
      return "the end of the line";
    }
    return quoted_text(
        cursor_.rest().substr(0, utf8_character_length(cursor_.rest())));
  }

  // Goes past blanks and comments, and past line ends where the rule goes on
  // behind them.
  void skip_space(bool goes_on) {
    for (;; cursor_.skip(1)) {
      const char c = cursor_.peek();
      if (c == '#') {
        const std::size_t end = cursor_.rest().find_first_of("\r\n");
        cursor_.skip(std::min(end, cursor_.rest().size()));
        if (cursor_.at_end() || !goes_on) return;
        continue;
      }
      const bool line_end = c == '\r' || c == '\n';
      if (c != ' ' && c != '\t' && !(goes_on && line_end)) return;
    }
  }

  std::string_view take_name() {
    std::size_t size = 0;
    while (is_name_character(cursor_.peek(size))) ++size;
    const std::string_view name = cursor_.rest().substr(0, size);
    cursor_.skip(size);
    return name;
  }

  NamedRule& rule_named(std::string_view name, std::size_t place) {
    const auto known = rules_.find(name);
    if (known != rules_.end()) return known->second;
    const Grammar::Rule rule = grammar_.declare(std::string(name));
    return rules_.emplace(name, NamedRule{rule, place}).first->second;
  }

  void parse_rule() {
    const std::size_t begin = cursor_.place();
    const std::string_view name = take_name();
    if (name.empty()) {
      fail(fmt::format("expected the name of a rule, found {}{}", found(),
                       cursor_.peek() == '|'
                           ? "; a rule goes on behind a '|' at the end of its "
                             "line, or inside parentheses"
                           : ""));
    }
    NamedRule& named = rule_named(name, begin);
    if (named.defined) {
      fail_at(begin,
              fmt::format("rule {} is defined twice", quoted_text(name)));
    }
    named.defined = true;
    named.place = begin;
    skip_space(false);
    if (!cursor_.take("::=")) {
      fail(fmt::format("expected ::= behind the name of a rule, found {}",
                       found()));
    }
    skip_space(true);
    const Grammar::Rule rule = named.rule;
    grammar_.define(rule, parse_choice(false).expr);
    if (!cursor_.at_end() && cursor_.peek() != '\r' && cursor_.peek() != '\n') {
      fail(
          fmt::format("expected more of the rule or the end of its line, "
                      "found {}",
                      found()));
    }
    skip_space(true);
  }

  Item parse_choice(bool in_group) {
    std::vector<Grammar::Expr> alternatives;
    int levels = 0;
    while (true) {
      const Item sequence = parse_sequence(in_group);
      alternatives.push_back(sequence.expr);
      levels = std::max(levels, sequence.levels);
      if (!cursor_.take("|")) break;
      skip_space(true);
    }
    return {grammar_.choice(std::move(alternatives)), levels};
  }

  Item parse_sequence(bool in_group) {
    std::vector<Grammar::Expr> parts;
    int levels = 0;
    while (const auto first = parse_item()) {
      Item item = *first;
      skip_space(in_group);
      const std::size_t place = cursor_.place();
      for (int i = 0; parse_quantifier(item, in_group); ++i) {
        if (i > 0) add_level(item, place);
      }
      levels = std::max(levels, item.levels);
      parts.push_back(item.expr);
    }
    return {grammar_.sequence(std::move(parts)), levels};
  }

  std::optional<Item> parse_item() {
    const char c = cursor_.peek();
    if (c == '"') return Item{grammar_.text(parse_literal())};
    if (c == '[') return character(parse_class());
    if (c == '(') return parse_group();
    if (c == '<' || c == '!') return Item{parse_token()};
    if (c == '.') {
      cursor_.skip(1);
      return character(CodePointSet({{0, kLastCodePoint}}));
    }
    if (c == '*' || c == '+' || c == '?' || c == '{') {
      fail(fmt::format("nothing to repeat before {}", found()));
    }
    if (!is_name_character(c)) return std::nullopt;
    const std::size_t begin = cursor_.place();
    const std::string_view name = take_name();
    return Item{grammar_.call(rule_named(name, begin).rule)};
  }

  Item character(const CodePointSet& set) {
    return {grammar_.character(set.ranges())};
  }

  Item parse_group() {
    const std::size_t begin = cursor_.place();
    if (++open_groups_ > kMostLevels) refuse_levels(begin);
    cursor_.skip(1);
    skip_space(true);
    Item item = parse_choice(true);
    if (!cursor_.take(")")) {
      if (cursor_.at_end()) fail_at(begin, "'(' without its ')'");
      fail(fmt::format("expected ')' or more of the group, found {}", found()));
    }
    --open_groups_;
    add_level(item, begin);
    return item;
  }

  void add_level(Item& item, std::size_t place) const {
    if (++item.levels > kMostLevels) refuse_levels(place);
  }

  [[noreturn]] void refuse_levels(std::size_t place) const {
    fail_at(place,
            fmt::format("groups are nested more than {} deep", kMostLevels));
  }

  std::string parse_literal() {
    const std::size_t begin = cursor_.place();
    std::string text;
    cursor_.skip(1);
    while (!cursor_.take("\"")) {
      if (cursor_.at_end()) fail_at(begin, "'\"' without its closing '\"'");
      const std::size_t place = cursor_.place();
      const char32_t c = parse_character();
      if (c >= 0xD800 && c <= 0xDFFF) {
        fail_at(place, "half of a surrogate pair, which is no character");
      }
      append_utf8(c, text);
    }
    return text;
  }

  CodePointSet parse_class() {
    const std::size_t begin = cursor_.place();
    cursor_.skip(1);
    const bool negated = cursor_.take("^");
    std::vector<CodePointRange> ranges;
    while (!cursor_.take("]")) {
      if (cursor_.at_end()) fail_at(begin, "'[' without its ']'");
      const std::size_t place = cursor_.place();
      const char32_t first = parse_character();
      char32_t last = first;
      if (cursor_.peek() == '-' && cursor_.peek(1) != ']') {
        cursor_.skip(1);
        if (cursor_.at_end()) fail_at(begin, "'[' without its ']'");
        last = parse_character();
      }
      if (first > last) {
        fail_at(place, "a range of characters that ends before it begins");
      }
      ranges.push_back({first, last});
    }
    if (ranges.empty()) fail_at(begin, "a class without characters");
    const CodePointSet set(std::move(ranges));
    return negated ? set.negated() : set;
  }

  // Goes past a character or an escape. Requires: not at the end.
  char32_t parse_character() {
    if (cursor_.peek() != '\\') return cursor_.next();
    const std::size_t begin = cursor_.place();
    const char letter = cursor_.peek(1);
    cursor_.skip(1);
    if (cursor_.at_end()) fail_at(begin, "a backslash with nothing behind it");
    cursor_.next();
    switch (letter) {
      case 'x':
        return parse_hex(begin, 2);
      case 'u':
        return parse_hex(begin, 4);
      case 'U':
        return parse_hex(begin, 8);
      case 't':
        return U'\t';
      case 'r':
        return U'\r';
      case 'n':
        return U'\n';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
        return static_cast<unsigned char>(letter);
      default:
        fail_at(begin,
                "an escape that GBNF does not have; it has \\x41, "
                "\\u0041, \\U00000041, \\t, \\r, \\n, \\\\, \\\", \\[, "
                "\\] and \\-");
    }
  }

  char32_t parse_hex(std::size_t begin, std::size_t digits) {
    const auto value = cursor_.hex(digits, digits);
    if (!value) {
      fail_at(begin, fmt::format("expected {} hexadecimal digits", digits));
    }
    if (*value > kLastCodePoint) fail_at(begin, "a number above U+10FFFF");
    return *value;
  }

  // Goes past "<[ID]>".
  Grammar::Expr parse_token() {
    const std::size_t begin = cursor_.place();
    if (cursor_.peek() == '!') {
      fail("a negated token cannot be enforced");
    }
    if (!cursor_.take("<[")) {
      fail("a token by its text needs a model; write its id, as in <[1000]>");
    }
    constexpr std::int64_t kMostToken = std::numeric_limits<Token>::max();
    const auto id = cursor_.number(kMostToken);
    if (!id || *id > kMostToken || !cursor_.take("]>")) {
      fail_at(begin, "a token whose id is none; write <[1000]>");
    }
    return grammar_.token(static_cast<Token>(*id));
  }

  // Goes past one quantifier, and what it does to the item. False where none
  // stands there.
  bool parse_quantifier(Item& item, bool in_group) {
    const std::size_t begin = cursor_.place();
    std::int64_t min = 0;
    std::int64_t max = Grammar::kUnlimited;
    if (cursor_.take("+")) {
      min = 1;
    } else if (cursor_.take("?")) {
      max = 1;
    } else if (cursor_.take("{")) {
      parse_bounds(begin, in_group, min, max);
    } else if (!cursor_.take("*")) {
      return false;
    }
    skip_space(in_group);
    item.expr = grammar_.repeat(item.expr, min, max);
    return true;
  }

  // Goes past "m}", "m,}" or "m,n}".
  void parse_bounds(std::size_t begin, bool in_group, std::int64_t& min,
                    std::int64_t& max) {
    const auto number = [&] {
      skip_space(in_group);
      const auto value = cursor_.number(kMostRounds);
      skip_space(in_group);
      return value;
    };
    const auto first = number();
    if (!first) fail(fmt::format("expected a number, found {}", found()));
    min = max = *first;
    if (cursor_.take(",")) max = number().value_or(Grammar::kUnlimited);
    if (!cursor_.take("}")) {
      fail(fmt::format("expected '}}' behind a number of repetitions, found {}",
                       found()));
    }
    if (std::max(min, max) > kMostRounds) {
      fail_at(begin, fmt::format("more than {} repetitions", kMostRounds));
    }
    if (max != Grammar::kUnlimited && max < min) {
      fail_at(begin, "a repetition whose maximum is less than its minimum");
    }
  }

  void check_rules() {
    for (const auto& [name, named] : rules_) {
      if (!named.defined) {
        fail_at(named.place,
                fmt::format("there is no rule {}", quoted_text(name)));
      }
    }
    const auto root = rules_.find("root");
    if (root == rules_.end()) {
      throw UsageError("grammar: there is no rule \"root\", where texts begin");
    }
    check_left_recursion();
    grammar_.set_start(grammar_.call(root->second.rule));
  }

  void check_left_recursion() const {
    std::vector<Grammar::Rule> rules(
        static_cast<std::size_t>(grammar_.rules()));
    std::iota(rules.begin(), rules.end(), Grammar::Rule{0});
    const auto circle =
        find_left_recursion(grammar_, rules, nullable_exprs(grammar_));
    if (circle.empty()) return;
    const std::string& name = grammar_.name(circle.front());
    fail_at(rules_.find(name)->second.place,
            fmt::format("rule {} calls itself before any character: {}",
                        quoted_text(name), describe_circle(grammar_, circle)));
  }

  Cursor cursor_;
  Grammar grammar_;
  std::map<std::string, NamedRule, std::less<>> rules_;
  int open_groups_ = 0;
};

}  // namespace

Grammar gbnf_to_grammar(std::string_view source) {
  if (source.size() > kMostSourceBytes) {
    throw UsageError(fmt::format("a grammar of {} bytes, expected at most {}",
                                 source.size(), kMostSourceBytes));
  }
  if (!is_valid_utf8(source)) throw UsageError("the grammar is not UTF-8");
  return GbnfParser(source).parse();
}

}  // namespace pilotfish
