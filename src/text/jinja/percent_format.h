#ifndef PILOTFISH_TEXT_JINJA_PERCENT_FORMAT_H_
#define PILOTFISH_TEXT_JINJA_PERCENT_FORMAT_H_

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace pilotfish::jinja {

// format % arguments: a tuple's elements, a dictionary's by name, else the one
// value. Conversions: s r d i f F e E g G x X o %, with flags, width,
// precision.
Value percent_format(Runtime& rt, const String& format, const Value& arguments);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_PERCENT_FORMAT_H_
