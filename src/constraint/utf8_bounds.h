#ifndef PILOTFISH_CONSTRAINT_UTF8_BOUNDS_H_
#define PILOTFISH_CONSTRAINT_UTF8_BOUNDS_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "constraint/grammar.h"

namespace pilotfish {

// Where in a UTF-8 character a text stands: between two, or inside one with
// some more bytes to come, the next of which may be limited.
enum class Utf8Place : std::uint8_t {
  kBetween,
  kOneMore,
  kTwoMore,
  kThreeMore,
  kBehindE0,
  kBehindED,
  kBehindF0,
  kBehindF4,
  kNowhere,  // the bytes are no characters
};
inline constexpr std::size_t kUtf8Places = 9;
using Utf8Places = std::bitset<kUtf8Places>;

// Where a text stands one byte later.
Utf8Place utf8_step(Utf8Place from, unsigned char byte);

// Says which expressions of a grammar are made of whole characters, as far as
// its start reaches them.
class Utf8Bounds {
 public:
  explicit Utf8Bounds(const Grammar& grammar);

  // Where texts of the expression can end that begin at one of these places:
  // nowhere where none of the grammar's texts brings it there.
  Utf8Places ends(Grammar::Expr expr, Utf8Places from) const;
  // The same for the expression `min` to `max` times.
  Utf8Places ends(Grammar::Expr expr, std::int64_t min, std::int64_t max,
                  Utf8Places from) const;
  // Whether texts of the expression that begin between characters end there.
  bool is_whole(Grammar::Expr expr) const;

 private:
  using Key = std::size_t;  // an expression and where it begins
  struct Known {
    Utf8Places ends;
    std::vector<Key> users;  // what has to be looked at again when it changes
  };

  Utf8Places find_ends(Key key);
  Utf8Places ask(Key user, Grammar::Expr expr, Utf8Places from);

  const Grammar& grammar_;
  std::unordered_map<Key, Known> known_;
  std::vector<Key> open_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_UTF8_BOUNDS_H_
