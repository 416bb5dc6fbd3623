#ifndef PILOTFISH_CONSTRAINT_LEFT_RECURSION_H_
#define PILOTFISH_CONSTRAINT_LEFT_RECURSION_H_

#include <vector>

#include "constraint/grammar.h"

namespace pilotfish {

// For each expression whether the empty text is one of its own. [expr]
std::vector<bool> may_be_empty(const Grammar& grammar);

// Rules in a circle: each may call the next, and the last the first, before
// any byte or token. Empty where there is no such circle. Takes time and memory
// in proportion to the grammar.
std::vector<Grammar::Rule> find_left_recursion(const Grammar& grammar);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_LEFT_RECURSION_H_
