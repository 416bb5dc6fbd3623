#ifndef PILOTFISH_TEXT_JINJA_METHODS_H_
#define PILOTFISH_TEXT_JINJA_METHODS_H_

#include <optional>
#include <string_view>

#include "text/jinja/builtin.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace pilotfish::jinja {

// The method Python's type has under this name; null where it has none. Fails
// where it has one that is not supported, or that the sandbox forbids because
// it would change the object.
const Builtin* find_method(Runtime& rt, const Value& object,
                           std::string_view name);

// What find_method answers for strings.
const Builtin* find_string_method(Runtime& rt, std::string_view name);

// loop.index and its like; none for what is a method or nothing.
std::optional<Value> loop_attribute(Runtime& rt, const Loop& loop,
                                    std::string_view name);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_METHODS_H_
