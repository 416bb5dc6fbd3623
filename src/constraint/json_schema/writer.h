#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_WRITER_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/json_schema/form.h"
#include "constraint/json_schema/normaliser.h"
#include "pilotfish/constraint.h"

namespace pilotfish::json_schema {

// Writes a grammar of the JSON texts whose values are valid by a formula. What
// a value may be becomes one rule wherever it occurs, so that recursion comes
// out right.
class Writer {
 public:
  using Expr = Grammar::Expr;
  using Id = Formulas::Id;

  Writer(Normaliser& normaliser, Grammar& grammar,
         const JsonSchemaOptions& options)
      : normaliser_(normaliser), grammar_(grammar), options_(options) {}

  // Throws UsageError for what cannot be enforced, and where no value at all is
  // valid.
  Expr write(Id id);

  // A value, for those who write what it is part of. `name` tells people what
  // it is.
  Expr value(Id id, std::string_view name);
  // A key, its colon and its value.
  Expr member(Expr key, Id value, std::string_view name);
  Expr strings(const StringSet& strings, std::string_view name);
  // A call of a new rule.
  Expr define(std::string_view name, Expr body);

  Expr space() { return space_behind(false); }
  // A comma and what may follow it.
  Expr comma();
  // Brackets around something, or around nothing at all if `may_be_empty`.
  Expr in_brackets(char open, Expr inside, char close, bool may_be_empty);

  Normaliser& normaliser() { return normaliser_; }
  Grammar& grammar() { return grammar_; }
  const JsonSchemaOptions& options() const { return options_; }

 private:
  struct Open {
    Id id;
    Grammar::Rule rule;
    std::string name;
  };

  Expr any_value();
  Expr any_string();
  Expr numbers(const NumberSet& numbers);
  Expr space_behind(bool is_separator);
  Expr scalars(const Form& form, std::string_view name);
  void write_open();

  Normaliser& normaliser_;
  Grammar& grammar_;
  const JsonSchemaOptions& options_;
  std::unordered_map<Id, Expr> values_;
  std::vector<Open> open_;  // rules that are not defined yet
  std::vector<std::pair<StringSet, Expr>> strings_;
  std::vector<std::pair<NumberSet, Expr>> numbers_;
  Expr any_value_ = 0;       // 0: not written yet, here and below
  Expr any_string_ = 0;
  Expr spaces_[2] = {0, 0};  // [is_separator]
};

// Objects and arrays of one form. Both throw UsageError for what cannot be
// enforced.
Grammar::Expr write_object(Writer& writer, const ObjectForm& form);
Grammar::Expr write_array(Writer& writer, const ArrayForm& form,
                          std::string_view name);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_WRITER_H_
