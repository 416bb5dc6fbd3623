#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_TRY_SCHEMA_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_TRY_SCHEMA_H_

#include <string_view>

#include "constraint/json_schema/schema_grammar.h"
#include "constraint/testing/try_reading.h"

// What a fuzzer does with a schema that nobody vouches for; the unit tests
// replay the cases it keeps. It may throw Error.
namespace pilotfish::test {

inline void try_schema(std::string_view schema) {
  try_reading(json_schema_grammar(schema, {.lenient = true}), schema);
  try_reading(json_schema_grammar(schema, {.keep_order = false}), schema);
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_TRY_SCHEMA_H_
