#include "constraint/json_schema/json_text.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pilotfish::json_schema {
namespace {

using Expr = Grammar::Expr;

constexpr unsigned kFirstPrintable = 0x20;

// The characters that have an escape of one letter, with that letter.
constexpr std::array<std::pair<char, char>, 7> kShortEscapes = {{
    {'"', '"'},
    {'\\', '\\'},
    {'\b', 'b'},
    {'\f', 'f'},
    {'\n', 'n'},
    {'\r', 'r'},
    {'\t', 't'},
}};

ByteSet bytes_of(std::string_view bytes) {
  ByteSet set;
  for (const char byte : bytes) set.set(static_cast<unsigned char>(byte));
  return set;
}

// Bytes that stand for themselves, and the first ones of longer characters.
ByteSet plain_bytes() {
  ByteSet set;
  for (unsigned byte = kFirstPrintable; byte < set.size(); ++byte) {
    set.set(byte);
  }
  return set & ~bytes_of("\"\\");
}

Expr hex_digit(Grammar& grammar, std::string_view upper_case_digits) {
  std::string digits(upper_case_digits);
  for (const char digit : upper_case_digits) {
    if (digit >= 'A') digits += static_cast<char>(digit - 'A' + 'a');
  }
  return grammar.bytes(bytes_of(digits));
}

// \uXXXX: a code point that is no surrogate, or a pair of surrogates.
Expr write_unicode_escape(Grammar& grammar) {
  const Expr u = grammar.text("\\u");
  const Expr any = hex_digit(grammar, "0123456789ABCDEF");
  const Expr d = hex_digit(grammar, "D");
  const Expr below_d = hex_digit(grammar, "0123456789ABCEF");
  const Expr no_surrogate = grammar.choice(
      {grammar.sequence({below_d, any, any, any}),
       grammar.sequence({d, hex_digit(grammar, "01234567"), any, any})});
  return grammar.choice(
      {grammar.sequence({u, no_surrogate}),
       grammar.sequence({u, d, hex_digit(grammar, "89AB"), any, any, u, d,
                         hex_digit(grammar, "CDEF"), any, any})});
}

// What a byte below 0x80 becomes; nothing where it stays as it is.
std::optional<Expr> write_escape(Grammar& grammar, unsigned byte) {
  std::vector<Expr> forms;
  for (const auto& [character, letter] : kShortEscapes) {
    if (static_cast<unsigned char>(character) == byte) {
      forms.push_back(grammar.text(std::string{'\\', letter}));
    }
  }
  if (byte < kFirstPrintable) {
    const std::string digits = fmt::format("{:02X}", byte);
    forms.push_back(grammar.sequence({grammar.text("\\u00"),
                                      hex_digit(grammar, digits.substr(0, 1)),
                                      hex_digit(grammar, digits.substr(1))}));
  }
  if (forms.empty()) return std::nullopt;
  return grammar.choice(std::move(forms));
}

bool has_escapes(const TransitionTable& table) {
  for (std::int32_t state = 0; state < table.size(); ++state) {
    for (const auto& [first, last, to] : table.byte_edges(state)) {
      if (first < kFirstPrintable) return true;
      for (const unsigned special : {'"', '\\'}) {
        if (first <= special && special <= last) return true;
      }
    }
  }
  return false;
}

}  // namespace

Expr write_string_character(Grammar& grammar) {
  const std::array<CodePointRange, 3> plain = {{
      {kFirstPrintable, '"' - 1},
      {'"' + 1, '\\' - 1},
      {'\\' + 1, 0x10FFFF},
  }};
  return grammar.choice(
      {grammar.character(plain),
       grammar.sequence(
           {grammar.text("\\"), grammar.bytes(bytes_of("\"\\/bfnrt"))}),
       write_unicode_escape(grammar)});
}

Dfa escaped(const Dfa& texts) {
  const TransitionTable& table = texts.table();
  if (!has_escapes(table)) return texts;
  const ByteSet plain = plain_bytes();
  Grammar grammar;
  std::vector<Grammar::Rule> rules;
  for (std::int32_t state = 0; state < table.size(); ++state) {
    rules.push_back(grammar.declare("state"));
  }
  for (std::int32_t state = 0; state < table.size(); ++state) {
    std::vector<Expr> parts;
    if (table.accepting(state)) parts.push_back(grammar.empty());
    for (const auto& [first, last, to] : table.byte_edges(state)) {
      std::vector<Expr> heads;
      ByteSet as_they_are;
      for (unsigned byte = first; byte <= last; ++byte) {
        if (plain.test(byte)) {
          as_they_are.set(byte);
        } else if (const auto escape = write_escape(grammar, byte)) {
          heads.push_back(*escape);
        }
      }
      heads.push_back(grammar.bytes(as_they_are));
      parts.push_back(grammar.sequence(
          {grammar.choice(std::move(heads)),
           grammar.call(rules[static_cast<std::size_t>(to)])}));
    }
    grammar.define(rules[static_cast<std::size_t>(state)],
                   grammar.choice(std::move(parts)));
  }
  return Dfa::of(grammar, grammar.call(rules[0]));
}

Expr write_space(Grammar& grammar, JsonSchemaOptions::Whitespace whitespace,
                 bool is_separator) {
  using Whitespace = JsonSchemaOptions::Whitespace;
  switch (whitespace) {
    case Whitespace::kCompact:
      return grammar.empty();
    case Whitespace::kSpaced:
      return is_separator ? grammar.text(" ") : grammar.empty();
    case Whitespace::kFlexible:
      break;
  }
  const Expr line_break = grammar.text("\n");
  return grammar.optional(grammar.choice(
      {grammar.text(" "),
       grammar.sequence(
           {line_break, grammar.optional(line_break),
            grammar.repeat(grammar.bytes(bytes_of(" \t")), 0, 20)})}));
}

}  // namespace pilotfish::json_schema
