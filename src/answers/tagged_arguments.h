#ifndef PILOTFISH_ANSWERS_TAGGED_ARGUMENTS_H_
#define PILOTFISH_ANSWERS_TAGGED_ARGUMENTS_H_

#include <map>
#include <string>
#include <string_view>

#include "constraint/grammar.h"

namespace pilotfish {

// Arguments between tags, one for each member of an object:
//
//   <parameter=KEY>\nVALUE\n</parameter>\n
//
// Strings stand there as they are, other values as JSON.
inline constexpr std::string_view kParameterBegins = "<parameter=";
inline constexpr std::string_view kParameterNamed = ">\n";
inline constexpr std::string_view kParameterEnds = "\n</parameter>\n";

// Those that are valid by the schema of an object. Throws UsageError that says
// where the schema has what cannot be enforced: "#/properties/a/pattern: ...".
Grammar::Expr write_tagged_arguments(Grammar& grammar, std::string_view schema,
                                     bool lenient);

// The members of the object, and whether each is written as a string.
std::map<std::string, bool> tagged_members(std::string_view schema);

}  // namespace pilotfish

#endif  // PILOTFISH_ANSWERS_TAGGED_ARGUMENTS_H_
