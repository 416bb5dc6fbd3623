#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORMATS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORMATS_H_

#include <optional>
#include <string>

#include "constraint/json_schema/string_set.h"

namespace pilotfish::json_schema {

// The strings of a format of JSON Schema ("date-time"), by the standard that it
// refers to. Nothing: there is no such format. Throws UsageError for one that
// cannot be enforced. Thread-safe; each is worked out once.
//
// Less than the standard: date-time and time have leap seconds only where the
// offset is zero. More than it: the labels of an email's domain may have more
// than 63 characters, a hostname may have more than 253. Automata that count
// these would be huge, and larger still together with a maxLength.
std::optional<StringSet> strings_of_format(const std::string& name);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_FORMATS_H_
