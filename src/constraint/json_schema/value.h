#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_VALUE_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pilotfish::json_schema {

// A value of a JSON document as it was written: members keep their order, and
// numbers their digits, which a double would lose.
struct Value {
  enum class Kind : std::uint8_t {
    kNull,
    kFalse,
    kTrue,
    kNumber,
    kString,
    kArray,
    kObject,
  };

  Kind kind = Kind::kNull;
  std::string text = {};  // of a string; of a number, its digits
  std::vector<std::string> keys = {};  // of an object, no two equal
  std::vector<Value> items = {};       // of an array; of an object, [keys]

  bool is(Kind other) const { return kind == other; }
  bool is_boolean() const { return is(Kind::kFalse) || is(Kind::kTrue); }
  // The member of that name. Null: none, or this is no object.
  const Value* find(std::string_view key) const;
};

// Throws UsageError, in one line, for malformed JSON, for a key that an object
// has twice, and for values that lie deeper than 128 levels: whoever walks a
// Value may therefore recurse.
Value parse_value(std::string_view json);

// `text` as a JSON string, quotes included. What is not ASCII stays as it is.
std::string json_string(std::string_view text);

// "3.5", "[…]": what stands there, in short, for messages.
std::string shown(const Value& value);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_VALUE_H_
