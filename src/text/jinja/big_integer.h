#ifndef PILOTFISH_TEXT_JINJA_BIG_INTEGER_H_
#define PILOTFISH_TEXT_JINJA_BIG_INTEGER_H_

#include <gmpxx.h>

#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

// Integers as Python has them: of any size, up to the digits it prints. Those
// that fit 64 bits are kept as int64_t, all others as a BigInteger.
namespace pilotfish::jinja {

struct BigInteger {
  mpz_class value;
};

// More digits than Python turns into text.
inline constexpr size_t kMaxDigits = 4300;

// None where the number has more digits than kMaxDigits.
std::optional<Value> integer_value(const mpz_class& number);
// The same for digits with or without a leading minus; none also where a
// character is no digit of the base.
std::optional<Value> integer_value(const std::string& digits, int base = 10);

bool is_integer(const Value& value);  // Python's bool is one too
// These require is_integer(value).
mpz_class big_integer(const Value& value);
std::string integer_text(const Value& value, int base = 10);

// A number as a float. Fails for an integer that is too large for one. Requires
// value.is_number().
double float_value(const Runtime& rt, const Value& value);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_BIG_INTEGER_H_
