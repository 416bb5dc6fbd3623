#ifndef PILOTFISH_TEXT_JINJA_ACCESS_H_
#define PILOTFISH_TEXT_JINJA_ACCESS_H_

#include <memory>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

// Reaching into values.
namespace pilotfish::jinja {

// object.name: a method first, then an item; undefined where there is neither.
// Fails on an undefined object and on methods that are not supported.
Value get_attribute(Runtime& rt, const Value& object, std::string_view name);
// The same without items: Jinja's filter `attr`.
Value get_attribute_only(Runtime& rt, const Value& object,
                         std::string_view name);
// object[index]: an item first, then a method.
Value get_item(Runtime& rt, const Value& object, const Value& index);
// object[start:stop:step]; none for a bound left out.
Value get_slice(Runtime& rt, const Value& object, const Value& start,
                const Value& stop, const Value& step);
// What filters take as `attribute`: names and numbers joined by dots.
Value get_path(Runtime& rt, const Value& object, std::string_view path);

// What a for loop sees. An iterator is used up by it. Fails on what cannot be
// iterated.
std::shared_ptr<const Values> iterate(Runtime& rt, const Value& value);
bool is_iterable(const Value& value);

// len(value)
int64_t length(Runtime& rt, const Value& value);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_ACCESS_H_
