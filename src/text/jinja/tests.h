#ifndef PILOTFISH_TEXT_JINJA_TESTS_H_
#define PILOTFISH_TEXT_JINJA_TESTS_H_

#include <string_view>

#include "text/jinja/builtin.h"

namespace pilotfish::jinja {

// What may follow "is": a built-in that gives a boolean. Null where it is not
// supported.
const Builtin* find_test(std::string_view name);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_TESTS_H_
