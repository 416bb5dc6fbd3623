#ifndef PILOTFISH_CONSTRAINT_UNICODE_CLASS_H_
#define PILOTFISH_CONSTRAINT_UNICODE_CLASS_H_

#include <memory>
#include <string_view>

#include "constraint/code_points.h"

namespace pilotfish {

// What \p{NAME} stands for by RE2's syntax: a general category in its short
// form (L, Lu), a script (Greek), or Any; by Unicode 14. Null where there is no
// such class. Thread-safe; a class is worked out once.
std::shared_ptr<const CodePointSet> unicode_class(std::string_view name);

// The same by ECMA 262, which also has long names (Letter), names of the
// property in front (General_Category=L, Script=Greek, scx=Greek) and
// properties that a character has or has not (Alphabetic, Emoji).
std::shared_ptr<const CodePointSet> ecma_unicode_class(std::string_view name);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_UNICODE_CLASS_H_
