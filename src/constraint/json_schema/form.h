#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORM_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/json_schema/formulas.h"
#include "constraint/json_schema/number_set.h"
#include "constraint/json_schema/string_set.h"

namespace pilotfish::json_schema {

// At least `min` and at most `max` items from place `from` on are valid by
// `value`.
struct Contains {
  Formulas::Id value;
  std::int64_t min = 1;
  std::int64_t max = Grammar::kUnlimited;
  std::int64_t from = 0;

  bool operator==(const Contains&) const = default;
};

// Arrays: what each item is, and how many there are.
struct ArrayForm {
  std::vector<Formulas::Id> prefix = {};  // of the first items, as far as there are
  Formulas::Id rest = Formulas::kAny;  // of the items behind these
  std::int64_t min = 0;
  std::int64_t max = Grammar::kUnlimited;
  std::vector<Contains> contains = {};
  // The schema that asks that no two items be equal. Null: none does.
  const Value* unique = nullptr;

  static ArrayForm any() { return {}; }
  bool is_any() const { return *this == any(); }
  Formulas::Id item(std::int64_t place) const;
  bool operator==(const ArrayForm&) const = default;
};

struct Property {
  std::string name;
  Formulas::Id value = Formulas::kAny;
  bool is_required = false;
  // `properties` lists it; others come last.
  bool is_listed = false;

  bool operator==(const Property&) const = default;
};

// Keys that have something in common.
struct Keys {
  StringSet keys;
  Formulas::Id value;

  bool operator==(const Keys&) const = default;
};

// Objects: what the value of each key is. Keys that are neither a property's
// name nor among `others` are forbidden.
struct ObjectForm {
  std::vector<Property> properties;  // in the order in which they are written
  std::vector<Keys> others;  // no two have a key in common; what they say is
                             // not said of names of properties
  std::vector<Keys> some;    // each: some key among these has such a value
  std::int64_t min = 0;      // how many keys there are
  std::int64_t max = Grammar::kUnlimited;

  static ObjectForm any();
  bool is_any() const { return *this == any(); }
  const Property* property(std::string_view name) const;
  // Never: no such key is allowed.
  Formulas::Id value(std::string_view key) const;
  bool operator==(const ObjectForm&) const = default;
};

// A set of JSON values, type by type: those that any form of the type gives.
struct Form {
  bool has_null = false;
  bool has_false = false;
  bool has_true = false;
  NumberSet numbers;
  StringSet strings;
  std::vector<ArrayForm> arrays;
  std::vector<ObjectForm> objects;

  static Form any();
};

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORM_H_
