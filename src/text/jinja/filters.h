#ifndef PILOTFISH_TEXT_JINJA_FILTERS_H_
#define PILOTFISH_TEXT_JINJA_FILTERS_H_

#include <memory>
#include <string_view>

#include "text/jinja/builtin.h"

namespace pilotfish::jinja {

// The filter of this name, null where it is not supported.
const Builtin* find_filter(std::string_view name);

// Its three parts, by what they work on.
const BuiltinTable& text_filters();
const BuiltinTable& number_filters();
const BuiltinTable& sequence_filters();

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_FILTERS_H_
