#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/jinja/access.h"
#include "text/jinja/characters.h"
#include "text/jinja/operators.h"

namespace pilotfish::jinja {
namespace {

// The order of an integer and a float without rounding the integer; false for
// every relation with NaN.
enum class Order { kLess, kEqual, kGreater, kNone };

Order order(int64_t a, double b) {
  if (std::isnan(b)) return Order::kNone;
  if (b >= 0x1p63) return Order::kLess;
  if (b < -0x1p63) return Order::kGreater;
  const double whole = std::floor(b);
  const auto integer = static_cast<int64_t>(whole);
  if (a != integer) return a < integer ? Order::kLess : Order::kGreater;
  return b > whole ? Order::kLess : Order::kEqual;
}

Order reversed(Order order) {
  if (order == Order::kLess) return Order::kGreater;
  return order == Order::kGreater ? Order::kLess : order;
}

// Requires: both are numbers.
Order number_order(const Value& left, const Value& right) {
  const int64_t* a = left.integer();
  const int64_t* b = right.integer();
  if (a != nullptr && b == nullptr) return order(*a, right.number());
  if (a == nullptr && b != nullptr) return reversed(order(*b, left.number()));
  if (a != nullptr) {
    return *a == *b ? Order::kEqual : *a < *b ? Order::kLess : Order::kGreater;
  }
  const double x = left.number();
  const double y = right.number();
  if (std::isnan(x) || std::isnan(y)) return Order::kNone;
  return x == y ? Order::kEqual : x < y ? Order::kLess : Order::kGreater;
}

bool equal_sequences(Runtime& rt, const Sequence& a, const Sequence& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(rt, a.items[i], b.items[i])) return false;
  }
  return true;
}

bool equal_dicts(Runtime& rt, const Dict& a, const Dict& b) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const auto& [key, value] : a.entries()) {
    rt.charge(1);
    const Value* other = b.find(key);
    if (other == nullptr || !equal(rt, value, *other)) return false;
  }
  return true;
}

bool less_sequences(Runtime& rt, const Sequence& a, const Sequence& b) {
  const size_t common = std::min(a.items.size(), b.items.size());
  for (size_t i = 0; i < common; ++i) {
    if (!equal(rt, a.items[i], b.items[i])) {
      return less(rt, a.items[i], b.items[i]);
    }
  }
  return a.items.size() < b.items.size();
}

}  // namespace

bool equal(Runtime& rt, const Value& left, const Value& right) {
  rt.charge(1);
  if (left.is_number() && right.is_number()) {
    return number_order(left, right) == Order::kEqual;
  }
  if (left.storage().index() != right.storage().index()) return false;
  if (const String* a = left.string()) {
    const std::string& b = right.string()->text;
    if (a->text.size() != b.size()) return false;
    rt.charge(b.size() / kBytesPerUnit);
    return a->text == b;
  }
  if (const Sequence* a = left.sequence()) {
    const Sequence* b = right.sequence();
    return a == b || equal_sequences(rt, *a, *b);
  }
  if (const Dict* a = left.dict()) {
    const Dict* b = right.dict();
    return a == b || equal_dicts(rt, *a, *b);
  }
  if (left.is_none() || left.is_undefined()) return true;
  // Everything else equals itself alone.
  return std::visit(
      [&](const auto& a) {
        using T = std::decay_t<decltype(a)>;
        if constexpr (std::is_pointer_v<T> ||
                      std::is_same_v<T, std::shared_ptr<Generator>>) {
          return a == *right.get<T>();
        } else {
          return false;
        }
      },
      left.storage());
}

bool less(Runtime& rt, const Value& left, const Value& right) {
  rt.charge(1);
  if (left.is_number() && right.is_number()) {
    return number_order(left, right) == Order::kLess;
  }
  const String* a = left.string();
  const String* b = right.string();
  if (a != nullptr && b != nullptr) {
    rt.charge(std::min(a->text.size(), b->text.size()) / kBytesPerUnit);
    return a->text < b->text;  // UTF-8 sorts as code points do
  }
  const Sequence* x = left.sequence();
  const Sequence* y = right.sequence();
  const bool lists =
      x != nullptr && y != nullptr && x->kind == y->kind &&
      (x->kind == SequenceKind::kList || x->kind == SequenceKind::kTuple);
  if (lists) return less_sequences(rt, *x, *y);
  rt.refuse_undefined(left);
  rt.refuse_undefined(right);
  rt.fail(fmt::format("'{}' and '{}' have no order", type_name(left),
                      type_name(right)));
}

bool less_or_equal(Runtime& rt, const Value& left, const Value& right) {
  // Not "right < left" turned round: both are false for NaN.
  return less(rt, left, right) || equal(rt, left, right);
}

bool contains(Runtime& rt, const Value& container, const Value& item) {
  if (const String* text = container.string()) {
    const String* needle = item.string();
    if (needle == nullptr) {
      rt.refuse_undefined(item);
      rt.fail(
          fmt::format("'in' a string expects a string, not a value of "
                      "type '{}'",
                      type_name(item)));
    }
    rt.charge(text->text.size() / kBytesPerUnit);
    return find_text(text->text, needle->text) != std::string_view::npos;
  }
  if (const Dict* dict = container.dict()) {
    if (const String* key = item.string()) {
      rt.charge(key->text.size() / kBytesPerUnit);
    }
    return dict->find(item) != nullptr;
  }
  if (const auto* generator = container.get<std::shared_ptr<Generator>>()) {
    Generator& left = **generator;
    while (left.next < left.items.size()) {
      if (equal(rt, left.items[left.next++], item)) return true;
    }
    return false;
  }
  const auto items = iterate(rt, container);
  return std::any_of(items->begin(), items->end(), [&](const Value& value) {
    return equal(rt, value, item);
  });
}

}  // namespace pilotfish::jinja
