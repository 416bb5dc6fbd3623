#ifndef PILOTFISH_TEXT_JINJA_OPERATORS_H_
#define PILOTFISH_TEXT_JINJA_OPERATORS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

// Python's operators. Integers have at most the digits that Python prints.
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

// A stable sort that stays within bounds whatever `less` answers: NaN makes
// Python's "<" inconsistent, which std::stable_sort does not allow.
template <typename T, typename Less>
void merge_sort(std::vector<T>& items, Less less) {
  std::vector<T> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size());
      const size_t end = std::min(begin + 2 * width, items.size());
      size_t left = begin;
      size_t right = middle;
      for (size_t out = begin; out < end; ++out) {
        const bool take_right =
            right < end && (left == middle || less(items[right], items[left]));
        merged[out] = std::move(items[take_right ? right++ : left++]);
      }
    }
    std::swap(items, merged);
  }
}

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_OPERATORS_H_
