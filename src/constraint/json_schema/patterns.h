#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_PATTERNS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_PATTERNS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "constraint/json_schema/string_set.h"

namespace pilotfish::json_schema {

// What the regular expressions and formats of one document stand for; each is
// worked out once.
class Patterns {
 public:
  // Strings some part of which a regular expression of ECMA 262 matches. Beyond
  // what regex.h takes, lookahead is fine where it stands at the very start,
  // behind ^. Throws UsageError for what is malformed or cannot be enforced.
  const StringSet& matching(const std::string& pattern);
  // Strings of a format of JSON Schema. Null: it is none of these. Throws
  // UsageError where it is, but cannot be enforced.
  const StringSet* format(const std::string& name);

 private:
  std::map<std::string, StringSet> matching_;
  std::map<std::string, StringSet> formats_;
};

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_PATTERNS_H_
