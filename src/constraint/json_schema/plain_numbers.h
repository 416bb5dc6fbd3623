#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_PLAIN_NUMBERS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_PLAIN_NUMBERS_H_

#include <span>

#include "constraint/dfa.h"
#include "constraint/json_schema/decimal.h"

namespace pilotfish::json_schema {

// Numbers in their plain forms, as regular languages: "-12.50" has no exponent
// and as many zeros at the end of its fraction as you like, and zero has no
// sign. So whether a number is in a set does not depend on its form.

const Dfa& plain_numbers();
const Dfa& plain_integers();  // those whose fraction is zero: "12", "12.0"
// Integers without a fraction.
const Dfa& bare_integers();
Dfa plain_forms(std::span<const Decimal> numbers);
// Those greater than `bound`, or also equal to it.
Dfa plain_above(const Decimal& bound, bool or_equal);
// Throws UsageError where there would be too many states. Requires: step > 0.
Dfa plain_multiples(const Decimal& step);

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_PLAIN_NUMBERS_H_
