#include "constraint/json_schema/applicators.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pilotfish::json_schema {
namespace {

using Id = Formulas::Id;
using Kind = Value::Kind;

class Expansion {
 public:
  Expansion(const Document& document, Formulas& formulas, const Value& schema)
      : document_(document), formulas_(formulas), schema_(schema) {}

  Id run() {
    const Value* ref = schema_.find("$ref");
    if (ref != nullptr && document_.draft() <= Draft::kDraft7) {
      return reference("$ref", *ref);
    }
    // Properties come in the order in which they are met: those of references
    // and of allOf in front of the schema's own where they stand in front of
    // them. What tells cases apart comes last, since it often names only some.
    std::vector<Id> parts;
    if (schema_.find("properties") == nullptr) {
      parts.push_back(formulas_.keywords(schema_));
    }
    for (std::size_t i = 0; i < schema_.keys.size(); ++i) {
      const std::string& keyword = schema_.keys[i];
      const Value& value = schema_.items[i];
      if (document_.is_too_new(keyword)) continue;
      if (keyword == "properties") {
        parts.push_back(formulas_.keywords(schema_));
      } else if (keyword == "$ref" || keyword == "$dynamicRef" ||
                 keyword == "$recursiveRef") {
        parts.push_back(reference(keyword, value));
      } else if (keyword == "allOf") {
        parts.push_back(formulas_.all(schemas(keyword, value)));
      }
    }
    for (std::size_t i = 0; i < schema_.keys.size(); ++i) {
      parts.push_back(cases(schema_.keys[i], schema_.items[i]));
    }
    return formulas_.all(std::move(parts));
  }

 private:
  [[noreturn]] void refuse(std::string_view keyword, const std::string& why) {
    document_.refuse(schema_, keyword, why);
  }

  Id reference(std::string_view keyword, const Value& value) {
    if (!value.is(Kind::kString)) refuse(keyword, "must be a string");
    return formulas_.schema(
        keyword == "$ref"
            ? document_.referenced(schema_, value.text)
            : document_.dynamically_referenced(schema_, value.text));
  }

  std::vector<Id> schemas(std::string_view keyword, const Value& value) {
    if (!value.is(Kind::kArray) || value.items.empty()) {
      refuse(keyword, "must be an array of schemas that is not empty");
    }
    std::vector<Id> ids;
    for (const Value& each : value.items) ids.push_back(formulas_.schema(each));
    return ids;
  }

  Id cases(const std::string& keyword, const Value& value) {
    if (document_.is_too_new(keyword)) return Formulas::kAny;
    if (keyword == "anyOf") return formulas_.any_of(schemas(keyword, value));
    if (keyword == "oneOf") {
      return formulas_.exactly_one(schemas(keyword, value));
    }
    if (keyword == "not") return formulas_.negated(formulas_.schema(value));
    if (keyword == "if") return conditional(value);
    if (keyword == "dependencies" || keyword == "dependentSchemas" ||
        keyword == "dependentRequired") {
      return dependencies(keyword, value);
    }
    return Formulas::kAny;
  }

  Id conditional(const Value& condition) {
    const auto branch = [&](std::string_view keyword) {
      const Value* value = schema_.find(keyword);
      return value == nullptr ? Formulas::kAny : formulas_.schema(*value);
    };
    const Id holds = formulas_.schema(condition);
    return formulas_.any_of(
        {formulas_.all({holds, branch("then")}),
         formulas_.all({formulas_.negated(holds), branch("else")})});
  }

  Id dependencies(const std::string& keyword, const Value& value) {
    if (!value.is(Kind::kObject)) refuse(keyword, "must be an object");
    std::vector<Id> parts;
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
      const Id has_key = formulas_.has_key(value.keys[i]);
      parts.push_back(formulas_.any_of(
          {formulas_.negated(has_key),
           formulas_.all({has_key, dependent(keyword, value.items[i])})}));
    }
    return formulas_.all(std::move(parts));
  }

  // What a key brings with it: other keys, or a schema.
  Id dependent(const std::string& keyword, const Value& value) {
    if (keyword == "dependentSchemas" ||
        (keyword == "dependencies" && !value.is(Kind::kArray) &&
         !value.is(Kind::kString))) {
      return formulas_.schema(value);
    }
    if (value.is(Kind::kString)) return formulas_.has_key(value.text);
    const auto is_name = [](const Value& each) {
      return each.is(Kind::kString);
    };
    if (!value.is(Kind::kArray) || !std::ranges::all_of(value.items, is_name)) {
      refuse(keyword, "must name keys in arrays");
    }
    std::vector<Id> keys;
    for (const Value& each : value.items) {
      keys.push_back(formulas_.has_key(each.text));
    }
    return formulas_.all(std::move(keys));
  }

  const Document& document_;
  Formulas& formulas_;
  const Value& schema_;
};

}  // namespace

Formulas::Id expand(const Document& document, Formulas& formulas, const Value& schema) {
  if (!schema.is(Kind::kObject)) {
    document.refuse(schema, "", "must be a schema: an object, true or false");
  }
  return Expansion(document, formulas, schema).run();
}

}  // namespace pilotfish::json_schema
