#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_SCHEMA_GRAMMAR_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_SCHEMA_GRAMMAR_H_

#include <string_view>

#include "constraint/grammar.h"
#include "pilotfish/constraint.h"

namespace pilotfish {

// The JSON texts that are valid by a JSON Schema, as a grammar. Throws
// UsageError that says what cannot be enforced, and where:
// "#/properties/a/uniqueItems: cannot be enforced; ...".
Grammar json_schema_grammar(std::string_view schema,
                            const JsonSchemaOptions& options = {});

// The same without tables, to be printed, or read by what knows expressions
// alone.
Grammar json_schema_grammar_without_tables(
    std::string_view schema, const JsonSchemaOptions& options = {});

// The same as an expression of another grammar that begins with it and goes on,
// as a tool's call does. Sets no start.
Grammar::Expr write_json_schema(Grammar& grammar, std::string_view schema,
                                const JsonSchemaOptions& options = {});

// The texts of any JSON object.
Grammar json_object_grammar(const JsonSchemaOptions& options = {});

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_SCHEMA_GRAMMAR_H_
