#ifndef PILOTFISH_TEXT_JINJA_PRINTER_H_
#define PILOTFISH_TEXT_JINJA_PRINTER_H_

#include <string>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

// Values as text, exactly as Python's str(), repr() and % give it.
namespace pilotfish::jinja {

// No result is markup; marks come along.
String to_text(Runtime& rt, const Value& value);
String to_repr(Runtime& rt, const Value& value);

// repr() of a float: the shortest digits that read back as the same number.
std::string float_text(double number);

// The text as HTML, with Jinja's entities. The result is no markup yet.
String escape_html(const String& text);

// format % arguments: a tuple's elements, a dictionary's by name, else the one
// value. Conversions: s r d i f F e E g G x X o %, with flags, width,
// precision.
Value percent_format(Runtime& rt, const String& format, const Value& arguments);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_PRINTER_H_
