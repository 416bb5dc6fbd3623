#ifndef PILOTFISH_TEXT_JINJA_JSON_READER_H_
#define PILOTFISH_TEXT_JINJA_JSON_READER_H_

#include <string>
#include <string_view>

#include "text/jinja/value.h"

namespace pilotfish::jinja {

// The value a JSON text stands for, as Python's json.loads gives it: objects
// keep their order, a key that comes twice has its last value. `what` names the
// text in the one-line Error a malformed one throws.
Value read_json(std::string_view text, std::string_view what);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_JSON_READER_H_
