#include "pilotfish/constraint.h"

#include "constraint/automaton.h"
#include "constraint/effort.h"
#include "constraint/json_schema/schema_grammar.h"

namespace pilotfish {

std::shared_ptr<const Constraint> Constraint::json_schema(
    std::string_view schema, const JsonSchemaOptions& options) {
  const Effort effort;
  return std::make_shared<const Constraint>(
      Automaton::compile(json_schema_grammar(schema, options)));
}

std::shared_ptr<const Constraint> Constraint::json_object(
    const JsonSchemaOptions& options) {
  return std::make_shared<const Constraint>(
      Automaton::compile(json_object_grammar(options)));
}

}  // namespace pilotfish
