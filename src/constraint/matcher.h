#ifndef PILOTFISH_CONSTRAINT_MATCHER_H_
#define PILOTFISH_CONSTRAINT_MATCHER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "constraint/automaton.h"
#include "constraint/position.h"
#include "constraint/token_mask.h"
#include "constraint/vocabulary.h"
#include "pilotfish/constraint.h"
#include "pilotfish/token.h"

namespace pilotfish {

class MaskMaker;

// A constraint over the tokens of one vocabulary, with the masks computed so
// far. Thread-safe.
class Matcher {
 public:
  // Where a text stands. A value: copies are cheap and independent.
  class State {
   private:
    friend class Matcher;
    struct Text;

    State(std::shared_ptr<Text> text, Position position);

    std::shared_ptr<Text> text_;  // what all states of a text share
    std::shared_ptr<const Position> position_;
  };

  Matcher(std::shared_ptr<const Automaton> automaton,
          std::shared_ptr<const ConstraintVocabulary> vocabulary);
  Matcher(const std::shared_ptr<const Constraint>& constraint,
          std::shared_ptr<const ConstraintVocabulary> vocabulary)
      : Matcher(constraint->automaton(), std::move(vocabulary)) {}
  ~Matcher();

  // The states below must be of this matcher. Calls throw Error where a text
  // can be read in too many ways or nests too deep.

  State begin() const;
  // False where the token cannot come next; then the state is as it was.
  bool advance(State& state, Token token) const;
  // Whether the text may end here: then end tokens are allowed.
  bool may_end(const State& state) const;
  // The tokens that may come next; end tokens are not among them. Never empty
  // where may_end is false, unless the vocabulary cannot spell what must come.
  std::shared_ptr<const TokenMask> mask(const State& state) const;

  // The bytes that every continuation begins with, at most `most`, and none
  // beyond a place where the text may end or a special token may come.
  std::string forced_bytes(const State& state, std::int64_t most) const;
  // The special token that every continuation begins with.
  std::optional<Token> forced_token(const State& state) const;

 private:
  const std::shared_ptr<const Automaton> automaton_;
  const std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  const std::unique_ptr<MaskMaker> masks_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_MATCHER_H_
