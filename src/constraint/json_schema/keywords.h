#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_KEYWORDS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_KEYWORDS_H_

#include <optional>

#include "constraint/json_schema/form.h"
#include "constraint/json_schema/normaliser.h"

namespace pilotfish::json_schema {

// What a schema's own keywords say; those that join schemas are left to
// expand(). Throws Refusal for what is malformed, for what cannot be enforced,
// and, unless the normaliser is lenient, for unknown keywords. Nothing: it
// depends on something that is being worked out right now.
std::optional<Form> form_of_keywords(Normaliser& normaliser,
                                     const Value& schema);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_KEYWORDS_H_
