#ifndef PILOTFISH_CONSTRAINT_NFA_BUILDER_H_
#define PILOTFISH_CONSTRAINT_NFA_BUILDER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/nfa.h"
#include "constraint/rule_graph.h"

namespace pilotfish {

// Writes an expression out as a nondeterministic automaton: repeats are copied,
// and so are the bodies of rules, where calls do not become symbols.
class NfaBuilder {
 public:
  // Asked for every call, token and repeat: the symbol that stands for it, or
  // nothing where it has to be written out. Tokens cannot be written out.
  using SymbolOf = std::function<std::optional<std::int32_t>(Grammar::Expr)>;
  static constexpr std::int64_t kMostStates = std::int64_t{1} << 21;
  // Of the copies of what one repeat repeats.
  static constexpr std::int64_t kMostCopied = std::int64_t{1} << 20;
  // The symbol of what gives no text.
  static constexpr std::int32_t kNoText = -1;

  // `graph` must reach what is built. Throws UsageError once all that was built
  // has more than kMostStates states, and before it writes copies that have
  // more than kMostCopied.
  NfaBuilder(const Grammar& grammar, const RuleGraph& graph, SymbolOf symbol_of)
      : grammar_(grammar), graph_(graph), symbol_of_(std::move(symbol_of)) {}

  // Throws UsageError for what is too large, for a rule that has to be written
  // out and calls itself elsewhere than at its end, and for a token without a
  // symbol.
  Nfa build(Grammar::Expr expr);
  // The rule's body. Where its component is right-linear, calls inside the
  // component are edges, never symbols.
  Nfa build_rule(Grammar::Rule rule);
  // About how many states an expression takes; at most kMostCopied. Calls count
  // as one, though they may be written out.
  std::int64_t written_states(Grammar::Expr expr);

 private:
  // One copy of a right-linear component of rules.
  struct Copy {
    std::int32_t component;
    Nfa::State end;
    std::map<Grammar::Rule, Nfa::State> starts = {};
    std::vector<Grammar::Rule> open = {};  // their bodies are to be written
  };

  Nfa finish();
  void write(Grammar::Expr expr, Nfa::State from, Nfa::State to);
  void write_sequence(const Grammar::Node& node, Nfa::State from,
                      Nfa::State to);
  void write_repeat(const Grammar::Node& node, Nfa::State from, Nfa::State to);
  void refuse_copies(const Grammar::Node& repeat);
  void write_table(const TransitionTable& table, Nfa::State from,
                   Nfa::State to);
  void write_call(Grammar::Rule rule, Nfa::State from, Nfa::State to);
  void write_copy(Grammar::Rule rule, Nfa::State from, Nfa::State to);
  Nfa::State start_in(Copy& copy, Grammar::Rule rule);

  const Grammar& grammar_;
  const RuleGraph& graph_;
  SymbolOf symbol_of_;
  Nfa nfa_;
  std::int64_t states_left_ = kMostStates;
  std::unordered_map<Grammar::Expr, std::int64_t> written_states_;  // as known
  Copy* copy_ = nullptr;  // the innermost that is being written
  int depth_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_NFA_BUILDER_H_
