#include "constraint/json_schema/schema_grammar.h"

#include "constraint/effort.h"
#include "constraint/json_schema/document.h"
#include "constraint/json_schema/normaliser.h"
#include "constraint/json_schema/value.h"
#include "constraint/json_schema/writer.h"

namespace pilotfish {

Grammar::Expr write_json_schema(Grammar& grammar, std::string_view schema,
                                const JsonSchemaOptions& options) {
  using namespace json_schema;
  const Effort effort;
  const Document document(parse_value(schema));
  Normaliser normaliser(document, options.lenient);
  return Writer(normaliser, grammar, options)
      .write(normaliser.formulas().schema(document.root()));
}

Grammar json_schema_grammar(std::string_view schema,
                            const JsonSchemaOptions& options) {
  Grammar grammar;
  grammar.set_start(write_json_schema(grammar, schema, options));
  return grammar;
}

Grammar json_schema_grammar_without_tables(std::string_view schema,
                                           const JsonSchemaOptions& options) {
  Grammar grammar;
  grammar.refuse_tables();
  grammar.set_start(write_json_schema(grammar, schema, options));
  return grammar;
}

Grammar json_object_grammar(const JsonSchemaOptions& options) {
  return json_schema_grammar(R"({"type": "object"})", options);
}

}  // namespace pilotfish
