#include "constraint/gbnf.h"
#include "constraint/json_schema/schema_grammar.h"
#include "pilotfish/constraint.h"

namespace pilotfish {

std::string json_schema_to_gbnf(std::string_view schema,
                                const JsonSchemaOptions& options) {
  return grammar_to_gbnf(json_schema_grammar_without_tables(schema, options));
}

}  // namespace pilotfish
