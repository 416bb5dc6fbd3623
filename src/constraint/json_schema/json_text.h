#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_JSON_TEXT_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_JSON_TEXT_H_

#include "constraint/dfa.h"
#include "constraint/grammar.h"
#include "pilotfish/constraint.h"

namespace pilotfish::json_schema {

// How JSON is written where a schema leaves it open.

// One character of a string: as it is, or in any of its escapes. Surrogates
// come in pairs.
Grammar::Expr write_string_character(Grammar& grammar);

// Texts as they stand between the quotes of a JSON string, with no escapes but
// those that there must be: `"`, `\` and control characters.
Dfa escaped(const Dfa& texts);
// The same with quotes around them.
Dfa json_strings(const Dfa& texts);

// What may stand behind `{ [ , :` and in front of `} ]`. Behind ',' and ':',
// `is_separator`, kSpaced asks for one blank.
Grammar::Expr write_space(Grammar& grammar,
                          JsonSchemaOptions::Whitespace whitespace,
                          bool is_separator);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_JSON_TEXT_H_
