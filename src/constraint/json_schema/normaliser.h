#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_NORMALISER_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_NORMALISER_H_

#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "constraint/json_schema/algebra.h"
#include "constraint/json_schema/document.h"
#include "constraint/json_schema/form.h"
#include "constraint/json_schema/formulas.h"
#include "constraint/json_schema/patterns.h"

namespace pilotfish::json_schema {

// Works out, one by one and as they are asked for, which values the formulas
// over a document's schemas stand for. Throws UsageError for what cannot be
// enforced. Exact: nothing that matters is left out.
class Normaliser {
 public:
  // `lenient`: unknown keywords and formats say nothing.
  Normaliser(const Document& document, bool lenient);
  Normaliser(const Normaliser&) = delete;
  Normaliser& operator=(const Normaliser&) = delete;

  Formulas& formulas() { return formulas_; }
  Algebra& algebra() { return algebra_; }
  Patterns& patterns() { return patterns_; }
  const Document& document() const { return document_; }
  bool lenient() const { return lenient_; }

  const Form& form(Formulas::Id id);
  // Null: what it stands for is being worked out right now, because it depends
  // on itself.
  const Form* find_form(Formulas::Id id);

  // Whether no value is valid by the formula; says no where that would take a
  // look deeper than `depth` levels into objects and arrays.
  bool is_surely_empty(Formulas::Id id, int depth);

  // The first schema that a formula speaks of, for messages; else the root.
  const Value& place_of(Formulas::Id id) const;

 private:
  using Id = Formulas::Id;

  std::optional<Form> make(Id id);
  std::optional<Form> make_not(Id part);
  std::optional<Form> make_all(const std::vector<Id>& parts);
  std::optional<Form> make_exactly_one(Id context, const std::vector<Id>& parts);
  Id expanded(const Value& schema);
  Id others_fail(Id context, const std::vector<Id>& parts, std::size_t one);
  bool is_surely_empty(const ArrayForm& form, int depth);
  bool is_surely_empty(const ObjectForm& form, int depth);

  const Document& document_;
  bool lenient_;
  Formulas formulas_;
  Patterns patterns_;
  Algebra algebra_;
  std::unordered_map<Id, std::unique_ptr<const Form>> forms_;
  std::unordered_set<Id> open_;  // those being worked out
  std::unordered_map<const Value*, Id> expanded_;
  int pruning_ = 0;  // how many questions are open whether something is empty
};

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_NORMALISER_H_
