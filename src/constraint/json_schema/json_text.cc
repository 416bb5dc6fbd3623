#include "constraint/json_schema/json_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pilotfish::json_schema {
namespace {

using Expr = Grammar::Expr;

constexpr unsigned kFirstPrintable = 0x20;

// What stands behind a backslash, ascending, and what that means.
constexpr std::array<std::pair<char, char>, 7> kShortEscapes = {{
    {'"', '"'},
    {'\\', '\\'},
    {'b', '\b'},
    {'f', '\f'},
    {'n', '\n'},
    {'r', '\r'},
    {'t', '\t'},
}};

ByteSet bytes_of(std::string_view bytes) {
  ByteSet set;
  for (const char byte : bytes) set.set(static_cast<unsigned char>(byte));
  return set;
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

// Bytes that a JSON string cannot have as they are.
bool is_special(unsigned byte) {
  return byte < kFirstPrintable || byte == '"' || byte == '\\';
}

// Rewrites an automaton of texts into one of what JSON writes for them: where a
// state has edges for special bytes, escapes lead to the same states. States
// that special bytes leave alike share the states of their escapes.
class Escaper {
 public:
  explicit Escaper(const TransitionTable& table) : table_(table) {}

  TransitionTable run() {
    std::vector<std::int32_t> escapes;  // [state]
    for (std::int32_t state = 0; state < table_.size(); ++state) {
      escapes.push_back(escapes_of(state));
    }
    for (std::int32_t state = 0; state < table_.size(); ++state) {
      escaped_.add_state(table_.accepting(state));
      add_plain(state, escapes[static_cast<std::size_t>(state)]);
    }
    for (const Targets& targets : targets_) add_escapes(targets);
    return std::move(escaped_);
  }

 private:
  // Where the special bytes lead. [byte]
  using Targets = std::array<std::int32_t, '\\' + 1>;

  static constexpr std::int32_t kDead = TransitionTable::kDead;
  static constexpr std::int32_t kStatesOfEscapes = 6;

  // The first state of those behind a backslash; kDead: there are none.
  std::int32_t escapes_of(std::int32_t state) {
    Targets targets;
    targets.fill(kDead);
    bool has_any = false;
    for (unsigned byte = 0; byte < targets.size(); ++byte) {
      if (!is_special(byte)) continue;
      targets[byte] = table_.next(state, static_cast<std::uint8_t>(byte));
      has_any = has_any || targets[byte] != kDead;
    }
    if (!has_any) return kDead;
    const auto [place, is_new] =
        ids_.try_emplace(targets, static_cast<std::int32_t>(targets_.size()));
    if (is_new) targets_.push_back(targets);
    return table_.size() + kStatesOfEscapes * place->second;
  }

  void add_plain(std::int32_t state, std::int32_t escapes) {
    bool has_backslash = escapes == kDead;
    for (const auto& [first, last, to] : table_.byte_edges(state)) {
      for (unsigned from = first; from <= last;) {
        if (is_special(from)) {
          if (from == '\\') add_backslash(escapes, has_backslash);
          ++from;
          continue;
        }
        if (from > '\\') add_backslash(escapes, has_backslash);
        unsigned until = from;
        while (until < last && !is_special(until + 1)) ++until;
        escaped_.add_bytes(from, until, to);
        from = until + 1;
      }
    }
    add_backslash(escapes, has_backslash);
  }

  void add_backslash(std::int32_t escapes, bool& is_there) {
    if (!std::exchange(is_there, true)) {
      escaped_.add_bytes('\\', '\\', escapes);
    }
  }

  // The states behind a backslash: itself, then behind u, 0 and 0, and behind
  // the third digit, which is 0 or 1.
  void add_escapes(const Targets& targets) {
    const std::int32_t first = escaped_.size();
    escaped_.add_state(false);
    for (const auto& [letter, character] : kShortEscapes) {
      add_edge(letter, targets[static_cast<unsigned char>(character)]);
    }
    add_edge('u', first + 1);
    for (std::int32_t zeros = 1; zeros <= 2; ++zeros) {
      escaped_.add_state(false);
      add_edge('0', first + zeros + 1);
    }
    escaped_.add_state(false);
    add_edge('0', first + 4);
    add_edge('1', first + 5);
    for (const unsigned high : {0x00U, 0x10U}) {
      escaped_.add_state(false);
      for (unsigned low = 0; low < 10; ++low) {
        add_edge(static_cast<char>('0' + low), targets[high + low]);
      }
      for (const char ten : {'A', 'a'}) {
        for (unsigned low = 10; low < 16; ++low) {
          add_edge(static_cast<char>(ten + low - 10), targets[high + low]);
        }
      }
    }
  }

  void add_edge(char byte, std::int32_t to) {
    if (to == kDead) return;
    const auto at = static_cast<unsigned char>(byte);
    escaped_.add_bytes(at, at, to);
  }

  const TransitionTable& table_;
  std::map<Targets, std::int32_t> ids_;
  std::vector<Targets> targets_;
  TransitionTable escaped_;
};

bool has_special_bytes(const TransitionTable& table) {
  for (std::int32_t state = 0; state < table.size(); ++state) {
    for (const auto& [first, last, to] : table.byte_edges(state)) {
      for (unsigned byte = first; byte <= std::min<unsigned>(last, '\\');
           ++byte) {
        if (is_special(byte)) return true;
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
  if (!has_special_bytes(texts.table())) return texts;
  return Dfa::of(Escaper(texts.table()).run());
}

Dfa json_strings(const Dfa& texts) {
  const TransitionTable inside = Escaper(texts.table()).run();
  const std::int32_t end = inside.size() + 1;
  TransitionTable table;
  table.add_state(false);
  table.add_bytes('"', '"', 1);
  for (std::int32_t state = 0; state < inside.size(); ++state) {
    table.add_state(false);
    bool has_quote = !inside.accepting(state);
    for (const auto& [first, last, to] : inside.byte_edges(state)) {
      if (first > '"' && !std::exchange(has_quote, true)) {
        table.add_bytes('"', '"', end);
      }
      table.add_bytes(first, last, to + 1);
    }
    if (!has_quote) table.add_bytes('"', '"', end);
  }
  table.add_state(true);
  return Dfa::of(table);
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
