#ifndef PILOTFISH_CONSTRAINT_RULE_GRAPH_H_
#define PILOTFISH_CONSTRAINT_RULE_GRAPH_H_

#include <cstdint>
#include <vector>

#include "constraint/grammar.h"

namespace pilotfish {

// The rules that an expression reaches, and how they call each other.
class RuleGraph {
 public:
  // Throws UsageError where expressions are nested deeper than kMostDepth.
  RuleGraph(const Grammar& grammar, Grammar::Expr root);

  static constexpr int kMostDepth = 1000;

  // The rules that are reached, each behind those it calls, as far as they do
  // not call each other in a circle.
  const std::vector<Grammar::Rule>& rules() const { return order_; }

  // Rules that call each other in a circle are of one component.
  // Requires: the rule is reached.
  std::int32_t component(Grammar::Rule rule) const {
    return component_[static_cast<std::size_t>(rule)];
  }
  // Whether rules of its component call each other at their very end alone:
  // then the component is as good as one finite automaton.
  bool is_right_linear(Grammar::Rule rule) const {
    return right_linear_[static_cast<std::size_t>(component(rule))] != 0;
  }
  // Whether the root or a rule of another component calls it.
  bool is_entry(Grammar::Rule rule) const {
    return entry_[static_cast<std::size_t>(rule)] != 0;
  }
  // The rules that its body calls.
  std::vector<Grammar::Rule> callees(Grammar::Rule rule) const;

 private:
  struct Call {
    Grammar::Rule rule;
    bool last;  // nothing comes behind it in the body
  };
  friend class CallFinder;

  void find_components(const std::vector<Call>& from_root);
  void find_properties(const std::vector<Call>& from_root);

  std::vector<std::vector<Call>> calls_;  // [rule]
  std::vector<Grammar::Rule> order_;
  std::vector<std::int32_t> component_;  // [rule]; -1: not reached
  std::vector<char> right_linear_;       // [component]
  std::vector<char> entry_;              // [rule]
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_RULE_GRAPH_H_
