#ifndef PILOTFISH_CONSTRAINT_PRUNE_H_
#define PILOTFISH_CONSTRAINT_PRUNE_H_

#include "constraint/grammar.h"

namespace pilotfish {

// Removes parts that allow no text from the rules from `first` on and from
// `expr`, which it returns: a rule that always calls itself again, and whatever
// needs it. Afterwards every beginning of a text can be finished. The texts
// stay the same. Requires: the rules that these reach are defined.
Grammar::Expr remove_unproductive(Grammar& grammar, Grammar::Expr expr,
                                  Grammar::Rule first = 0);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_PRUNE_H_
