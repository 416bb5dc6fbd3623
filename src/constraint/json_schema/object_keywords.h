#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_OBJECT_KEYWORDS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_OBJECT_KEYWORDS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "constraint/json_schema/form.h"
#include "constraint/json_schema/normaliser.h"

namespace pilotfish::json_schema {

// What a schema's own keywords say about objects. Throws Refusal for what is
// malformed or cannot be enforced. Nothing: it depends on something that is
// being worked out right now.
std::optional<ObjectForm> form_of_object_keywords(Normaliser& normaliser,
                                                  const Value& schema);

// A number of characters, items or keys: the value of `keyword` in `schema`.
// Throws Refusal where it is no integer, or below zero.
std::int64_t count_of(const Document& document, const Value& schema,
                      std::string_view keyword, const Value& value);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_OBJECT_KEYWORDS_H_
