#ifndef PILOTFISH_CONSTRAINT_DFA_H_
#define PILOTFISH_CONSTRAINT_DFA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "constraint/grammar.h"
#include "constraint/transition_table.h"

namespace pilotfish {

// A regular language over bytes as a deterministic automaton. It is always the
// smallest one, so two are equal if and only if their languages are. Immutable;
// copies are cheap. Functions that make one throw UsageError if it would have
// more than kMostStates states.
class Dfa {
 public:
  static constexpr std::int64_t kMostStates = 20000;

  // Texts of an expression. Throws UsageError for special tokens in it, and for
  // calls of rules that call themselves elsewhere than at their end.
  static Dfa of(const Grammar& grammar, Grammar::Expr expr);
  // Texts of a table that has no symbols.
  static Dfa of(const TransitionTable& table);
  // All texts, of any bytes.
  static Dfa all();

  // Texts in both languages; in either; in this one and not in `other`; and
  // those not in this one.
  Dfa intersect(const Dfa& other) const;
  Dfa unite(const Dfa& other) const;
  Dfa minus(const Dfa& other) const;
  Dfa complement() const { return all().minus(*this); }

  bool is_empty() const;  // there is no text at all, not even the empty one
  bool contains(std::string_view text) const;
  bool contains(const Dfa& other) const {
    return other.minus(*this).is_empty();
  }
  // No text is the beginning of another one.
  bool is_prefix_free() const;

  const TransitionTable& table() const { return *table_; }

  // An expression of the same texts. States that several edges lead to become
  // rules, which are named after `name` and called only at the end of others.
  Grammar::Expr to_grammar(Grammar& grammar, std::string_view name) const;
  // The automaton itself as an expression, where the grammar may have tables.
  Grammar::Expr to_table(Grammar& grammar, std::string_view name) const;

  bool operator==(const Dfa& other) const {
    return table_ == other.table_ || *table_ == *other.table_;
  }

 private:
  enum class Operation { kIntersect, kUnite, kMinus };

  explicit Dfa(TransitionTable minimal)
      : table_(std::make_shared<const TransitionTable>(std::move(minimal))) {}
  static Dfa combine(const Dfa& a, const Dfa& b, Operation operation);

  std::shared_ptr<const TransitionTable> table_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_DFA_H_
