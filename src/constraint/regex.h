#ifndef PILOTFISH_CONSTRAINT_REGEX_H_
#define PILOTFISH_CONSTRAINT_REGEX_H_

#include <string_view>

#include "constraint/grammar.h"

namespace pilotfish {

struct RegexOptions {
  enum class Syntax {
    kRe2,
    // Of JSON Schema's `pattern`: ECMA 262's with its flag u, and what
    // validators take without it where that is no guess.
    kEcma,
  };
  Syntax syntax = Syntax::kRe2;
  // A text fits where any part of it matches; else it has to match as a whole.
  bool search = false;
};

// The texts, in UTF-8, that fit a regular expression, as an expression without
// calls of rules. Throws UsageError that names the place where the pattern is
// malformed, and what cannot be enforced: backreferences, lookaround, word
// boundaries, the ends of lines inside a text.
Grammar::Expr regex_to_grammar(Grammar& grammar, std::string_view pattern,
                               const RegexOptions& options = {});

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_REGEX_H_
