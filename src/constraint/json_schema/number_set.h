#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_NUMBER_SET_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_NUMBER_SET_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "constraint/dfa.h"
#include "constraint/grammar.h"
#include "constraint/json_schema/decimal.h"

namespace pilotfish::json_schema {

// A set of numbers that is regular in decimals. A value; copies are cheap. What
// makes a set throws UsageError where it is too large to work out.
//
// How they are written:
// - any number: all forms of JSON, with an exponent up to 307 at most, which
//   keeps what programs read from overflowing;
// - those of type integer: without a fraction and without an exponent, zero
//   without a sign;
// - others: without an exponent, zero without a sign; a fraction may end in
//   zeros;
// - listed ones: without an exponent and without such zeros.
class NumberSet {
 public:
  NumberSet() = default;  // none
  static NumberSet all();
  static NumberSet integers();
  static NumberSet of(std::vector<Decimal> numbers);
  static NumberSet at_least(const Decimal& bound, bool exclusive);
  static NumberSet at_most(const Decimal& bound, bool exclusive);
  // Requires: step > 0.
  static NumberSet multiples_of(const Decimal& step);

  NumberSet intersect(const NumberSet& other) const;
  NumberSet unite(const NumberSet& other) const;
  NumberSet minus(const NumberSet& other) const;

  bool is_empty() const { return kind_ == Kind::kListed && listed_.empty(); }
  bool is_all() const { return kind_ == Kind::kAll; }
  bool contains(const Decimal& number) const;
  // The numbers, ascending. Null: they are not listed.
  const std::vector<Decimal>* listed() const {
    return kind_ == Kind::kListed ? &listed_ : nullptr;
  }

  // `name` is for the rules that this makes.
  Grammar::Expr write(Grammar& grammar, std::string_view name) const;

  bool operator==(const NumberSet& other) const;

 private:
  enum class Kind : std::uint8_t { kListed, kRegular, kAll };

  static NumberSet regular(const Dfa& plain, bool only_integers = false);
  // All plain forms of the numbers: no exponent, no sign before zero, any
  // number of zeros behind a fraction.
  Dfa plain() const;

  Kind kind_ = Kind::kListed;
  std::vector<Decimal> listed_;         // of kListed, ascending
  std::shared_ptr<const Dfa> regular_;  // of kRegular: plain forms
  // Of kRegular: a type asks for integers, so that none is written as "1.0".
  bool only_integers_ = false;
};

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_NUMBER_SET_H_
