#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_VALIDATE_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_VALIDATE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "constraint/json_schema/decimal.h"
#include "constraint/json_schema/value.h"

namespace pilotfish::test {

// Says by the definition of each keyword whether a value is valid by a schema,
// for a part of JSON Schema: no references, no formats, and patterns that are
// plain texts to be found. Shares nothing with what makes grammars but numbers.
class Validator {
 public:
  using Value = json_schema::Value;
  using Kind = Value::Kind;

  static bool valid(const Value& schema, const Value& value) {
    if (schema.is_boolean()) return schema.is(Kind::kTrue);
    for (std::size_t i = 0; i < schema.keys.size(); ++i) {
      if (!holds(schema, schema.keys[i], schema.items[i], value)) return false;
    }
    return true;
  }

  static bool equal(const Value& a, const Value& b) {
    if (a.kind != b.kind) return false;
    if (a.is(Kind::kNumber)) return number(a) == number(b);
    if (a.text != b.text || a.items.size() != b.items.size()) return false;
    for (std::size_t i = 0; i < a.items.size(); ++i) {
      const Value* other = a.is(Kind::kArray) ? &b.items[i] : b.find(a.keys[i]);
      if (other == nullptr || !equal(a.items[i], *other)) return false;
    }
    return true;
  }

 private:
  static json_schema::Decimal number(const Value& value) {
    return json_schema::Decimal::parse(value.text);
  }
  static std::size_t count(const Value& value) {
    return std::stoul(value.text);
  }

  static bool has_type(const std::string& type, const Value& value) {
    switch (value.kind) {
      case Kind::kNull:
        return type == "null";
      case Kind::kFalse:
      case Kind::kTrue:
        return type == "boolean";
      case Kind::kNumber:
        return type == "number" ||
               (type == "integer" && number(value).is_integer());
      case Kind::kString:
        return type == "string";
      case Kind::kArray:
        return type == "array";
      case Kind::kObject:
        return type == "object";
    }
    return false;
  }

  static bool holds(const Value& schema, const std::string& keyword,
                    const Value& wanted, const Value& value) {
    const auto is_valid = [&](const Value& each) { return valid(each, value); };
    if (keyword == "type") {
      return wanted.is(Kind::kString)
                 ? has_type(wanted.text, value)
                 : std::ranges::any_of(wanted.items, [&](const Value& each) {
                     return has_type(each.text, value);
                   });
    }
    if (keyword == "const") return equal(wanted, value);
    if (keyword == "enum") {
      return std::ranges::any_of(
          wanted.items, [&](const Value& each) { return equal(each, value); });
    }
    if (keyword == "allOf") return std::ranges::all_of(wanted.items, is_valid);
    if (keyword == "anyOf") return std::ranges::any_of(wanted.items, is_valid);
    if (keyword == "oneOf") {
      return std::ranges::count_if(wanted.items, is_valid) == 1;
    }
    if (keyword == "not") return !valid(wanted, value);
    if (keyword == "if") {
      const Value* branch = schema.find(valid(wanted, value) ? "then" : "else");
      return branch == nullptr || valid(*branch, value);
    }
    switch (value.kind) {
      case Kind::kNumber:
        return number_holds(keyword, wanted, value);
      case Kind::kString:
        return string_holds(keyword, wanted, value.text);
      case Kind::kArray:
        return array_holds(schema, keyword, wanted, value);
      case Kind::kObject:
        return object_holds(schema, keyword, wanted, value);
      default:
        return true;
    }
  }

  static bool number_holds(const std::string& keyword, const Value& wanted,
                           const Value& value) {
    if (keyword == "minimum") return number(value) >= number(wanted);
    if (keyword == "maximum") return number(value) <= number(wanted);
    if (keyword == "exclusiveMinimum") return number(value) > number(wanted);
    if (keyword == "exclusiveMaximum") return number(value) < number(wanted);
    if (keyword == "multipleOf") {  // of small numbers with one decimal
      const json_schema::Decimal multiple = number(value);
      if (multiple.exponent() < -1) return false;
      const auto step = static_cast<int>(std::stod(wanted.text) * 10 + 0.5);
      int rest = 0;  // of the tenths
      for (const char digit : multiple.digits()) {
        rest = (10 * rest + (digit - '0')) % step;
      }
      for (std::int64_t zeros = multiple.exponent() + 1; zeros > 0; --zeros) {
        rest = 10 * rest % step;
      }
      return rest == 0;
    }
    return true;
  }

  static bool string_holds(const std::string& keyword, const Value& wanted,
                           const std::string& text) {
    if (keyword == "minLength") return text.size() >= count(wanted);
    if (keyword == "maxLength") return text.size() <= count(wanted);
    if (keyword == "pattern") return text.find(wanted.text) != text.npos;
    return true;
  }

  static bool array_holds(const Value& schema, const std::string& keyword,
                          const Value& wanted, const Value& value) {
    const std::size_t size = value.items.size();
    if (keyword == "minItems") return size >= count(wanted);
    if (keyword == "maxItems") return size <= count(wanted);
    const Value* prefix = schema.find("prefixItems");
    const std::size_t from = prefix == nullptr ? 0 : prefix->items.size();
    if (keyword == "prefixItems" || keyword == "items") {
      for (std::size_t i = 0; i < size; ++i) {
        if ((i < from) != (keyword == "prefixItems")) continue;
        if (!valid(i < from ? wanted.items[i] : wanted, value.items[i])) {
          return false;
        }
      }
    }
    if (keyword == "contains") {
      const auto found = static_cast<std::size_t>(std::ranges::count_if(
          value.items, [&](const Value& each) { return valid(wanted, each); }));
      const Value* min = schema.find("minContains");
      const Value* max = schema.find("maxContains");
      return found >= (min == nullptr ? 1 : count(*min)) &&
             (max == nullptr || found <= count(*max));
    }
    if (keyword == "uniqueItems" && wanted.is(Kind::kTrue)) {
      for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (equal(value.items[i], value.items[j])) return false;
        }
      }
    }
    return true;
  }

  static bool has_all(const Value& names, const Value& value) {
    return std::ranges::all_of(names.items, [&](const Value& name) {
      return value.find(name.text) != nullptr;
    });
  }

  static bool object_holds(const Value& schema, const std::string& keyword,
                           const Value& wanted, const Value& value) {
    const std::size_t size = value.items.size();
    if (keyword == "minProperties") return size >= count(wanted);
    if (keyword == "maxProperties") return size <= count(wanted);
    if (keyword == "required") return has_all(wanted, value);
    if (keyword == "dependentRequired" || keyword == "dependentSchemas") {
      for (std::size_t i = 0; i < wanted.keys.size(); ++i) {
        if (value.find(wanted.keys[i]) == nullptr) continue;
        const Value& brings = wanted.items[i];
        if (keyword == "dependentRequired" ? !has_all(brings, value)
                                           : !valid(brings, value)) {
          return false;
        }
      }
    }
    const Value* properties = schema.find("properties");
    const Value* patterns = schema.find("patternProperties");
    for (std::size_t i = 0; i < size; ++i) {
      const std::string& key = value.keys[i];
      const Value& item = value.items[i];
      if (keyword == "propertyNames") {
        const Value name = {.kind = Kind::kString, .text = key};
        if (!valid(wanted, name)) return false;
      }
      const Value* its =
          properties == nullptr ? nullptr : properties->find(key);
      bool is_known = its != nullptr;
      if (keyword == "properties" && is_known && !valid(*its, item)) {
        return false;
      }
      for (std::size_t j = 0; patterns != nullptr && j < patterns->keys.size();
           ++j) {
        if (key.find(patterns->keys[j]) == key.npos) continue;
        is_known = true;
        if (keyword == "patternProperties" &&
            !valid(patterns->items[j], item)) {
          return false;
        }
      }
      if (keyword == "additionalProperties" && !is_known &&
          !valid(wanted, item)) {
        return false;
      }
    }
    return true;
  }
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_VALIDATE_H_
