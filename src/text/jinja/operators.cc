#include "text/jinja/operators.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "text/jinja/access.h"
#include "text/jinja/big_integer.h"
#include "text/jinja/characters.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"+",  "-", "*",  "/",
                                         "//", "%", "**", "~"};

std::string_view symbol(BinaryOp op) {
  return kSymbols[static_cast<size_t>(op)];
}

[[noreturn]] void refuse(Runtime& rt, BinaryOp op, const Value& left,
                         const Value& right) {
  rt.refuse_undefined(left);
  rt.refuse_undefined(right);
  rt.fail(fmt::format("'{}' does not work on '{}' and '{}'", symbol(op),
                      type_name(left), type_name(right)));
}

[[noreturn]] void zero_division(Runtime& rt) { rt.fail("division by zero"); }

double real_power(Runtime& rt, double base, double exponent) {
  if (base == 0 && exponent < 0) {
    rt.fail("0.0 cannot be raised to a negative power");
  }
  const double result = std::pow(base, exponent);
  if (std::isnan(result) && !std::isnan(base) && !std::isnan(exponent)) {
    rt.fail("a negative number to a fractional power is not supported");
  }
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) {
    rt.fail("the result of '**' is too large");
  }
  return result;
}

// None where the result does not fit, or the operation has another way.
std::optional<Value> small_operation(BinaryOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflows = true;
  if (op == BinaryOp::kAdd) overflows = __builtin_add_overflow(a, b, &result);
  if (op == BinaryOp::kSubtract) {
    overflows = __builtin_sub_overflow(a, b, &result);
  }
  if (op == BinaryOp::kMultiply) {
    overflows = __builtin_mul_overflow(a, b, &result);
  }
  if (overflows) return std::nullopt;
  return Value(result);
}

mpz_class power(Runtime& rt, const mpz_class& base, const mpz_class& exponent) {
  // Powers of 0, 1 and -1 stay small, whatever the exponent.
  const bool is_unit = abs(base) <= 1;
  const mpz_class small = is_unit ? mpz_class(exponent % 2) : exponent;
  const size_t bits = mpz_sizeinbase(base.get_mpz_t(), 2);
  if (!is_unit && exponent * (bits - 1) > 4 * kMaxDigits) {
    rt.fail(
        fmt::format("the result of '**' has more than {} digits", kMaxDigits));
  }
  mpz_class result;
  mpz_pow_ui(result.get_mpz_t(), base.get_mpz_t(),
             is_unit && exponent > 0 && small == 0 ? 2 : small.get_ui());
  return result;
}

// Of integers, which may be too large for floats though the quotient is not.
double divide(Runtime& rt, const Value& left, const Value& right) {
  double quotient = left.number() / right.number();
  if (!std::isfinite(left.number()) || !std::isfinite(right.number())) {
    mpq_class exact(big_integer(left), big_integer(right));
    exact.canonicalize();
    quotient = exact.get_d();
  }
  if (!std::isfinite(quotient)) rt.fail("the result of '/' is too large");
  return quotient;
}

Value integer_operation(Runtime& rt, BinaryOp op, const Value& left,
                        const Value& right) {
  if (left.integer() != nullptr && right.integer() != nullptr) {
    const auto small = small_operation(op, *left.integer(), *right.integer());
    if (small) return *small;
  }
  rt.charge(16);  // kMaxDigits bounds what it takes
  const mpz_class a = big_integer(left);
  const mpz_class b = big_integer(right);
  const bool divides = op == BinaryOp::kDivide ||
                       op == BinaryOp::kFloorDivide || op == BinaryOp::kModulo;
  if (divides && b == 0) zero_division(rt);
  if (op == BinaryOp::kDivide) return Value(divide(rt, left, right));
  if (op == BinaryOp::kPower && b < 0) {
    return Value(real_power(rt, left.number(), right.number()));
  }
  mpz_class result;
  if (op == BinaryOp::kAdd) result = a + b;
  if (op == BinaryOp::kSubtract) result = a - b;
  if (op == BinaryOp::kMultiply) result = a * b;
  if (op == BinaryOp::kFloorDivide) {
    mpz_fdiv_q(result.get_mpz_t(), a.get_mpz_t(), b.get_mpz_t());
  }
  if (op == BinaryOp::kModulo) {
    mpz_fdiv_r(result.get_mpz_t(), a.get_mpz_t(), b.get_mpz_t());
  }
  if (op == BinaryOp::kPower) result = power(rt, a, b);
  const auto value = integer_value(result);
  if (!value) {
    rt.fail(fmt::format("the result of '{}' has more than {} digits",
                        symbol(op), kMaxDigits));
  }
  return *value;
}

// Python's float.__mod__: the sign is the divisor's.
double real_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

// Python's float.__floordiv__, which is exact where floor(a / b) is not.
double real_floor_divide(double a, double b) {
  double quotient = (a - std::fmod(a, b)) / b;
  const double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Value real_operation(Runtime& rt, BinaryOp op, double a, double b) {
  const bool divides = op == BinaryOp::kDivide ||
                       op == BinaryOp::kFloorDivide || op == BinaryOp::kModulo;
  if (divides && b == 0) zero_division(rt);
  switch (op) {
    case BinaryOp::kAdd:
      return Value(a + b);
    case BinaryOp::kSubtract:
      return Value(a - b);
    case BinaryOp::kMultiply:
      return Value(a * b);
    case BinaryOp::kDivide:
      return Value(a / b);
    case BinaryOp::kFloorDivide:
      return Value(real_floor_divide(a, b));
    case BinaryOp::kModulo:
      return Value(real_modulo(a, b));
    default:
      return Value(real_power(rt, a, b));
  }
}

Value add_strings(Runtime& rt, const String& left, const String& right) {
  rt.check_size(left.text.size() + right.text.size());
  if (left.markup == right.markup) {
    String both = left;
    both.append(right);
    return rt.string(std::move(both));
  }
  String both = left.markup ? left : escape_html(left);
  both.append(right.markup ? right : escape_html(right));
  both.markup = true;
  return rt.string(std::move(both));
}

bool is_list_or_tuple(const Sequence* sequence) {
  return sequence != nullptr && (sequence->kind == SequenceKind::kList ||
                                 sequence->kind == SequenceKind::kTuple);
}

Value add(Runtime& rt, const Value& left, const Value& right) {
  if (left.string() != nullptr && right.string() != nullptr) {
    return add_strings(rt, *left.string(), *right.string());
  }
  const Sequence* a = left.sequence();
  const Sequence* b = right.sequence();
  if (is_list_or_tuple(a) && is_list_or_tuple(b) && a->kind == b->kind) {
    rt.charge(a->items.size() + b->items.size());
    Values items = a->items;
    items.insert(items.end(), b->items.begin(), b->items.end());
    return rt.sequence(a->kind, std::move(items));
  }
  refuse(rt, BinaryOp::kAdd, left, right);
}

// "ab" * 3, [0] * 3
Value repeat(Runtime& rt, const Value& value, int64_t times) {
  const auto count = static_cast<size_t>(std::max<int64_t>(times, 0));
  if (const String* string = value.string()) {
    const size_t size = string->text.size();
    rt.check_size(
        size == 0 || count <= kMaxStringBytes / size ? 0 : kMaxStringBytes + 1);
    String text{{}, string->markup};
    text.text.reserve(size * count);
    for (size_t i = 0; size > 0 && i < count; ++i) text.append(*string);
    return rt.string(std::move(text));
  }
  const Sequence& sequence = *value.sequence();
  const size_t size = sequence.items.size();
  rt.charge(size == 0 || count <= kMaxWork / size ? size * count
                                                  : kMaxWork + 1);
  Values items;
  items.reserve(size * count);
  for (size_t i = 0; size > 0 && i < count; ++i) {
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  }
  return rt.sequence(sequence.kind, std::move(items));
}

bool is_repeatable(const Value& value) {
  return value.string() != nullptr || is_list_or_tuple(value.sequence());
}

Value concatenate(Runtime& rt, const Value& left, const Value& right) {
  String text = to_text(rt, left);
  const String tail = to_text(rt, right);
  rt.check_size(text.text.size() + tail.text.size());
  text.append(tail);
  return rt.string(std::move(text));
}

// The order of an integer and a float without rounding the integer; false for
// every relation with NaN.
enum class Order { kLess, kEqual, kGreater, kNone };

Order order(const mpz_class& a, double b) {
  if (std::isnan(b)) return Order::kNone;
  const int sign = mpz_cmp_d(a.get_mpz_t(), b);
  return sign < 0 ? Order::kLess : sign > 0 ? Order::kGreater : Order::kEqual;
}

Order reversed(Order order) {
  if (order == Order::kLess) return Order::kGreater;
  return order == Order::kGreater ? Order::kLess : order;
}

template <typename T>
Order order_of(const T& a, const T& b) {
  return a == b ? Order::kEqual : a < b ? Order::kLess : Order::kGreater;
}

// Requires: both are numbers.
Order number_order(const Value& left, const Value& right) {
  const int64_t* a = left.integer();
  const int64_t* b = right.integer();
  if (a != nullptr && b != nullptr) return order_of(*a, *b);
  const bool is_whole = is_integer(left);
  if (is_whole && is_integer(right)) {
    return order_of(big_integer(left), big_integer(right));
  }
  if (is_whole) return order(big_integer(left), right.number());
  if (is_integer(right))
    return reversed(order(big_integer(right), left.number()));
  const double x = left.number();
  const double y = right.number();
  if (std::isnan(x) || std::isnan(y)) return Order::kNone;
  return order_of(x, y);
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

Value apply(Runtime& rt, BinaryOp op, const Value& left, const Value& right) {
  if (op == BinaryOp::kConcatenate) return concatenate(rt, left, right);
  if (left.is_number() && right.is_number()) {
    if (is_integer(left) && is_integer(right)) {
      return integer_operation(rt, op, left, right);
    }
    return real_operation(rt, op, float_value(rt, left),
                          float_value(rt, right));
  }
  if (op == BinaryOp::kAdd) return add(rt, left, right);
  if (op == BinaryOp::kMultiply) {
    if (is_repeatable(left) && right.integer() != nullptr) {
      return repeat(rt, left, *right.integer());
    }
    if (is_repeatable(right) && left.integer() != nullptr) {
      return repeat(rt, right, *left.integer());
    }
  }
  if (op == BinaryOp::kModulo && left.string() != nullptr) {
    return percent_format(rt, *left.string(), right);
  }
  refuse(rt, op, left, right);
}

Value negate(Runtime& rt, const Value& value) {
  if (is_integer(value)) {
    return integer_operation(rt, BinaryOp::kSubtract, Value(int64_t{0}), value);
  }
  if (const double* number = value.get<double>()) return Value(-*number);
  rt.refuse_undefined(value);
  rt.fail(fmt::format("'-' does not work on '{}'", type_name(value)));
}

Value identity(Runtime& rt, const Value& value) {
  if (const int64_t* integer = value.integer()) return Value(*integer);
  if (value.is_number()) return value;
  rt.refuse_undefined(value);
  rt.fail(fmt::format("'+' does not work on '{}'", type_name(value)));
}

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
