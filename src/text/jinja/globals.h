#ifndef PILOTFISH_TEXT_JINJA_GLOBALS_H_
#define PILOTFISH_TEXT_JINJA_GLOBALS_H_

#include <string_view>

#include "text/jinja/builtin.h"

namespace pilotfish::jinja {

// The functions every template may call: range, dict, namespace, and Hugging
// Face's raise_exception and strftime_now. Null where there is none.
const Builtin* find_global(std::string_view name);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_GLOBALS_H_
