#ifndef PILOTFISH_CONSTRAINT_MATCHER_H_
#define PILOTFISH_CONSTRAINT_MATCHER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/token_mask.h"
#include "constraint/vocabulary.h"
#include "pilotfish/constraint.h"
#include "pilotfish/token.h"

namespace pilotfish {

// A constraint over the tokens of one vocabulary, with the masks that were
// worked out so far. Thread-safe.
class Matcher {
 public:
  // Where a text stands. A value: copies are cheap, and each goes on by itself.
  class State;

  Matcher(std::shared_ptr<const Constraint> constraint,
          std::shared_ptr<const Vocabulary> vocabulary);

  State begin() const;
  // False where the token cannot come next; then the state is as it was.
  bool advance(State& state, Token token) const;
  // Whether the text may end here: then end tokens are allowed.
  bool may_end(const State& state) const;
  // The tokens that may come next; end tokens are not among them. Never empty
  // where may_end is false, unless the vocabulary cannot spell what must come.
  std::shared_ptr<const TokenMask> mask(const State& state) const;
  // The bytes that every continuation begins with, at most `most`, and none
  // beyond a place where the text may end.
  std::string forced_bytes(const State& state, std::int64_t most) const;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_MATCHER_H_
