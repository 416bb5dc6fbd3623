#ifndef PILOTFISH_CONSTRAINT_GRAMMAR_FACTS_H_
#define PILOTFISH_CONSTRAINT_GRAMMAR_FACTS_H_

#include <span>
#include <string>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/rule_graph.h"

namespace pilotfish {

// For every expression of a grammar, whether it allows any text.
std::vector<char> exprs_with_texts(const Grammar& grammar);
// For every expression of a grammar, whether it allows the empty text.
std::vector<char> nullable_exprs(const Grammar& grammar);

// A circle of rules that one of `rules` leads to: each can begin with the next
// one, and the last with the first. Empty if there is none. `nullable` is
// nullable_exprs.
std::vector<Grammar::Rule> find_left_recursion(
    const Grammar& grammar, std::span<const Grammar::Rule> rules,
    const std::vector<char>& nullable);
// "a -> b -> a", with dots in the middle where that is long.
std::string describe_circle(const Grammar& grammar,
                            std::span<const Grammar::Rule> circle);

// Throws UsageError, with the names of the rules, where a rule that `graph`
// reaches can begin with itself. `nullable` is nullable_exprs.
void refuse_left_recursion(const Grammar& grammar, const RuleGraph& graph,
                           const std::vector<char>& nullable);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_GRAMMAR_FACTS_H_
