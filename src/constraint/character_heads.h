#ifndef PILOTFISH_CONSTRAINT_CHARACTER_HEADS_H_
#define PILOTFISH_CONSTRAINT_CHARACTER_HEADS_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "constraint/code_points.h"
#include "constraint/grammar.h"

namespace pilotfish {

// An expression, `min` to `max` times.
struct Piece {
  Grammar::Expr expr;
  std::int64_t min = 1;
  std::int64_t max = 1;

  bool once() const { return min == 1 && max == 1; }
  auto operator<=>(const Piece&) const = default;
};

// Expressions, one behind the other.
using Pieces = std::vector<Piece>;

// One way in which texts begin, with one of some characters or with a token,
// and what follows that.
struct CharacterHead {
  std::vector<CodePointRange> characters;
  std::optional<Token> token;
  Pieces rest;
};

// The bytes of a set that are whole characters.
std::vector<CodePointRange> ascii_ranges(const ByteSet& bytes);

// The ways in which texts of `pieces` begin, those with the same rest together;
// the empty text is left out. Requires that the pieces together are whole
// characters, however their bytes are spread over expressions and rules. Throws
// UsageError if there are far too many ways.
std::vector<CharacterHead> character_heads(const Grammar& grammar,
                                           const Pieces& pieces);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_CHARACTER_HEADS_H_
