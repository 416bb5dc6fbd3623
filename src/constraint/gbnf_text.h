#ifndef PILOTFISH_CONSTRAINT_GBNF_TEXT_H_
#define PILOTFISH_CONSTRAINT_GBNF_TEXT_H_

#include <string>
#include <string_view>

#include "constraint/code_points.h"

namespace pilotfish {

// Some characters as a literal of GBNF: "a\n". Requires valid UTF-8.
std::string gbnf_literal(std::string_view text);

// One of some characters as a class: [a-z], [^\n], '.' for all of them.
std::string gbnf_class(const CodePointSet& set);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_GBNF_TEXT_H_
