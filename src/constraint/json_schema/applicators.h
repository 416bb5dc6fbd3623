#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_APPLICATORS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_APPLICATORS_H_

#include "constraint/json_schema/document.h"
#include "constraint/json_schema/formulas.h"

namespace pilotfish::json_schema {

// A schema as a formula over its own keywords and the schemas that it applies
// to the same value: references, allOf, anyOf, oneOf, not, if, dependencies.
// Throws Refusal for what is malformed.
Formulas::Id expand(const Document& document, Formulas& formulas,
                    const Value& schema);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_APPLICATORS_H_
