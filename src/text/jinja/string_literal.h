#ifndef PILOTFISH_TEXT_JINJA_STRING_LITERAL_H_
#define PILOTFISH_TEXT_JINJA_STRING_LITERAL_H_

#include <string>
#include <string_view>

#include "text/jinja/position.h"

namespace pilotfish::jinja {

// The value of a string literal whose text between the quotes is `body`, with
// Python's escapes. `position` is the literal's, for errors.
std::string decode_string_literal(std::string_view body, Position position);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_STRING_LITERAL_H_
