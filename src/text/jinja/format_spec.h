#ifndef PILOTFISH_TEXT_JINJA_FORMAT_SPEC_H_
#define PILOTFISH_TEXT_JINJA_FORMAT_SPEC_H_

#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace pilotfish::jinja {

// Python's format(value, spec), with specs such as ">10", "+,.2f" and "#x".
// Fails where Python has no such format for the value.
String format_value(Runtime& rt, const Value& value, std::string_view spec);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_FORMAT_SPEC_H_
