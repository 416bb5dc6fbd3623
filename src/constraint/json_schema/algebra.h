#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_ALGEBRA_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_ALGEBRA_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "constraint/json_schema/form.h"
#include "constraint/json_schema/formulas.h"

namespace pilotfish::json_schema {

// Combines sets of values in their forms. Throws UsageError once the result is
// too large.
class Algebra {
 public:
  // `is_empty` says whether no value is valid by a formula; false if that is
  // not certain.
  Algebra(Formulas& formulas, std::function<bool(Formulas::Id)> is_empty)
      : formulas_(formulas), is_empty_(std::move(is_empty)) {}

  Form intersect(const Form& a, const Form& b);
  Form unite(const Form& a, const Form& b);
  Form complement(const Form& form);

 private:
  using Id = Formulas::Id;
  using Arrays = std::vector<ArrayForm>;
  using Objects = std::vector<ObjectForm>;

  template <typename Each>
  std::vector<Each> intersect_all(const std::vector<Each>& a,
                                  const std::vector<Each>& b);
  template <typename Each>
  std::vector<Each> complement_all(const std::vector<Each>& forms);

  // Nothing: no value has both forms.
  std::optional<ArrayForm> intersect(const ArrayForm& a, const ArrayForm& b);
  std::optional<ObjectForm> intersect(const ObjectForm& a, const ObjectForm& b);
  Arrays complement(const ArrayForm& form);
  Objects complement(const ObjectForm& form);

  // Both write what is the same in the same way. False: the form is empty.
  bool simplify(ArrayForm& form);
  bool simplify(ObjectForm& form);
  bool simplify_some(ObjectForm& form);

  Id both(Id a, Id b);
  static void count(std::int64_t properties);

  Formulas& formulas_;
  std::function<bool(Id)> is_empty_;
};

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_ALGEBRA_H_
