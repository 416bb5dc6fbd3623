#ifndef PILOTFISH_CONSTRAINT_GBNF_H_
#define PILOTFISH_CONSTRAINT_GBNF_H_

#include <string>
#include <string_view>

#include "constraint/grammar.h"

namespace pilotfish {

// Reads a grammar in llama.cpp's GBNF, the texts of which are those of its rule
// `root`. Throws UsageError that names line and column: where the source is
// malformed, a rule is missing, defined twice or left-recursive, or a token is
// meant by its text, which depends on a model.
Grammar gbnf_to_grammar(std::string_view source);

// Writes a grammar as GBNF that allows the same texts when it is read again.
// Sets of bytes become characters, and rules that begin inside a character are
// written out. Requires a grammar without tables. Throws UsageError if a text
// of the grammar is not made of whole characters, which GBNF cannot express.
// Repetitions are written as they are, though llama.cpp refuses those above
// about 2,000 or reads them as unlimited.
std::string grammar_to_gbnf(const Grammar& grammar);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_GBNF_H_
