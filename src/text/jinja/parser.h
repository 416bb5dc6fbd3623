#ifndef PILOTFISH_TEXT_JINJA_PARSER_H_
#define PILOTFISH_TEXT_JINJA_PARSER_H_

#include <string_view>

#include "text/jinja/ast.h"

namespace pilotfish::jinja {

// The statements of a template. Throws Error with the line and column of what
// is malformed or not supported.
Block parse_template(std::string_view source);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_PARSER_H_
