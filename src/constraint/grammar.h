#ifndef PILOTFISH_CONSTRAINT_GRAMMAR_H_
#define PILOTFISH_CONSTRAINT_GRAMMAR_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "constraint/transition_table.h"
#include "pilotfish/token.h"

namespace pilotfish {

// Code points from `first` to `last`, both included.
struct CodePointRange {
  char32_t first;
  char32_t last;

  auto operator<=>(const CodePointRange&) const = default;
};

// A context-free grammar over bytes and special tokens: what the notations
// (JSON Schema, regular expressions, GBNF) are translated into and automata are
// made from. Expressions are values in an arena: equal ones have equal ids, and
// parts have smaller ids than what they are parts of. It can be moved only. Not
// thread-safe while it is built.
class Grammar {
 public:
  enum class Kind : std::uint8_t {
    kNothing,   // no text at all
    kEmpty,     // the empty text
    kBytes,     // one byte of a set
    kToken,     // one special token, which has no bytes
    kSequence,  // parts, one after the other
    kChoice,    // one of the parts
    kRepeat,    // the part, `min` to `max` times
    kCall,      // what the rule is defined as
    kTable,     // a text of a deterministic automaton
  };
  using Expr = std::int32_t;
  using Rule = std::int32_t;
  static constexpr std::int64_t kUnlimited = -1;

  // One expression as it lies in the arena.
  struct Node {
    Kind kind;
    std::vector<Expr> parts = {};
    ByteSet bytes = {};    // of kBytes
    Token token = 0;       // of kToken
    Rule rule = 0;         // of kCall
    std::int64_t min = 0;  // of kRepeat
    std::int64_t max = 0;  // of kRepeat; kUnlimited
    std::shared_ptr<const TransitionTable> table = {};  // of kTable

    bool operator==(const Node&) const = default;
  };

  // Throws UsageError once the expressions and their parts are more than
  // `most`, so that a hostile source cannot take all memory.
  explicit Grammar(std::int64_t most = std::int64_t{1} << 20);
  Grammar(Grammar&&) = default;
  Grammar& operator=(Grammar&&) = default;

  Expr nothing() const { return 0; }
  Expr empty() const { return 1; }
  Expr text(std::string_view bytes);
  Expr bytes(const ByteSet& set);
  // One character in UTF-8. Surrogates are left out of the ranges.
  Expr character(std::span<const CodePointRange> ranges);
  Expr token(Token special);
  // These simplify what they can: nested sequences and choices are joined, and
  // alternative sets of bytes become one.
  Expr sequence(std::vector<Expr> parts);
  Expr choice(std::vector<Expr> parts);
  // `max` may be kUnlimited. Requires: 0 <= min <= max.
  Expr repeat(Expr part, std::int64_t min, std::int64_t max);
  Expr optional(Expr part) { return repeat(part, 0, 1); }
  // The texts of an automaton over bytes, each of whose states leads to an
  // accepting one. It is compiled by copying it. Two tables are equal if they
  // are the same object. Requires may_have_tables().
  Expr table(std::shared_ptr<const TransitionTable> table);
  // False for grammars that are printed, or read by code that knows only
  // expressions.
  bool may_have_tables() const { return may_have_tables_; }
  void refuse_tables() { may_have_tables_ = false; }

  // A rule has a name for messages and for printing; names need not differ.
  Rule declare(std::string name);
  void define(Rule rule, Expr body);
  Expr call(Rule rule);

  // What texts must be. Requires: every rule that it reaches is defined.
  void set_start(Expr start) { start_ = start; }
  Expr start() const { return start_; }

  const Node& node(Expr expr) const {
    return *nodes_[static_cast<std::size_t>(expr)];
  }
  Expr body(Rule rule) const {
    return rules_[static_cast<std::size_t>(rule)].body;
  }
  const std::string& name(Rule rule) const {
    return rules_[static_cast<std::size_t>(rule)].name;
  }
  std::int64_t exprs() const { return std::ssize(nodes_); }
  std::int64_t rules() const { return std::ssize(rules_); }

 private:
  struct Definition {
    std::string name;
    Expr body = 0;
  };
  struct HashNode {
    std::size_t operator()(const Node& node) const;
  };

  Expr add(Node node);

  std::int64_t most_;
  std::int64_t size_ = 0;  // of all expressions, with their parts
  bool may_have_tables_ = true;
  Expr start_ = 0;
  std::unordered_map<Node, Expr, HashNode> ids_;
  std::vector<const Node*> nodes_;  // [expr], keys of ids_
  std::vector<Definition> rules_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_GRAMMAR_H_
