#include "text/jinja/big_integer.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cmath>

namespace pilotfish::jinja {

std::optional<Value> integer_value(const mpz_class& number) {
  if (number.fits_slong_p()) {
    return Value(static_cast<int64_t>(number.get_si()));
  }
  // GMP's size is exact or one too large.
  const size_t digits = mpz_sizeinbase(number.get_mpz_t(), 10);
  if (digits > kMaxDigits + 1 ||
      (digits == kMaxDigits + 1 &&
       mpz_class(abs(number)).get_str().size() > kMaxDigits)) {
    return std::nullopt;
  }
  return Value(std::make_shared<const BigInteger>(BigInteger{number}));
}

std::optional<Value> integer_value(const std::string& digits, int base) {
  // A sign, and four digits of base 2 for one of base 10.
  if (digits.size() > 4 * kMaxDigits) return std::nullopt;
  const std::string_view magnitude =
      std::string_view(digits).substr(digits.starts_with('-') ? 1 : 0);
  // GMP would skip white space.
  const bool is_number =
      !magnitude.empty() && std::ranges::all_of(magnitude, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0;
      });
  if (!is_number) return std::nullopt;
  mpz_class number;
  if (number.set_str(digits, base) != 0) return std::nullopt;
  return integer_value(number);
}

bool is_integer(const Value& value) {
  return value.integer() != nullptr ||
         value.is<std::shared_ptr<const BigInteger>>();
}

mpz_class big_integer(const Value& value) {
  if (const int64_t* small = value.integer()) {
    static_assert(sizeof(long) == sizeof(int64_t));
    return mpz_class(static_cast<long>(*small));
  }
  const auto* big = value.get<std::shared_ptr<const BigInteger>>();
  assert(big != nullptr);
  return (*big)->value;
}

std::string integer_text(const Value& value, int base) {
  const int64_t* small = value.integer();
  return small != nullptr && base == 10 ? fmt::format("{}", *small)
                                        : big_integer(value).get_str(base);
}

double float_value(const Runtime& rt, const Value& value) {
  const double number = value.number();
  if (std::isinf(number) && is_integer(value)) {
    rt.fail("the integer is too large for a float");
  }
  return number;
}

}  // namespace pilotfish::jinja
