#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_DECIMAL_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_DECIMAL_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace pilotfish::json_schema {

// A decimal number, exactly: equal numbers are equal however they were written.
class Decimal {
 public:
  Decimal() = default;  // zero
  // Requires: `number` is one by JSON's grammar. Throws UsageError for one that
  // would take more than 400 digits to write without an exponent.
  static Decimal parse(std::string_view number);

  bool is_negative() const { return negative_; }
  bool is_zero() const { return digits_.empty(); }
  bool is_integer() const { return exponent_ >= 0; }

  // Both of the magnitude: "12" and "5" of -12.5, "0" and "" of zero.
  std::string integer_part() const;
  std::string fraction() const;
  // The number as it is written where there is a choice: no exponent, no zeros
  // at the end of a fraction.
  std::string text() const;

  // The number is (-1)^negative * digits * 10^exponent; the digits have no
  // zeros at either end, and zero has none at all.
  const std::string& digits() const { return digits_; }
  std::int64_t exponent() const { return exponent_; }

  std::strong_ordering operator<=>(const Decimal& other) const;
  bool operator==(const Decimal& other) const = default;

 private:
  bool negative_ = false;
  std::string digits_;
  std::int64_t exponent_ = 0;
};

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_DECIMAL_H_
