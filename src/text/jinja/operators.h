#ifndef PILOTFISH_TEXT_JINJA_OPERATORS_H_
#define PILOTFISH_TEXT_JINJA_OPERATORS_H_

#include <cstdint>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

// Python's operators. Integers are 64 bits wide; what would leave them fails.
namespace pilotfish::jinja {

enum class BinaryOp {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kConcatenate,  // ~
};

Value apply(Runtime& rt, BinaryOp op, const Value& left, const Value& right);
Value negate(Runtime& rt, const Value& value);
// Unary plus.
Value identity(Runtime& rt, const Value& value);

bool equal(Runtime& rt, const Value& left, const Value& right);
// left < right. Fails where Python has no order for the two.
bool less(Runtime& rt, const Value& left, const Value& right);
// left <= right, likewise.
bool less_or_equal(Runtime& rt, const Value& left, const Value& right);
// item in container
bool contains(Runtime& rt, const Value& container, const Value& item);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_OPERATORS_H_
