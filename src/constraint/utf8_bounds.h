#ifndef PILOTFISH_CONSTRAINT_UTF8_BOUNDS_H_
#define PILOTFISH_CONSTRAINT_UTF8_BOUNDS_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <unordered_map>

#include "constraint/grammar.h"

namespace pilotfish {

// Where a text stands in UTF-8: between two characters, or inside one with some
// more bytes to come, the first of which may have a limited range.
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
  Utf8Places ends(Grammar::Expr expr, Utf8Places from);
  // The same for the expression `min` to `max` times.
  Utf8Places ends(Grammar::Expr expr, std::int64_t min, std::int64_t max,
                  Utf8Places from);
  // Whether texts of the expression that begin between characters end there.
  bool is_whole(Grammar::Expr expr);

 private:
  // A rule's body, or the grammar's start, and the place where it begins.
  using Body = std::size_t;
  struct BodyEnds {
    Utf8Places ends;
    std::set<Body> users;  // to be looked at again when the ends change
    bool is_open = true;
  };
  // What was found out about an expression at a place, and when.
  struct ExprEnds {
    Utf8Places ends;
    std::int64_t time = -1;
  };

  void look_at(Body body);
  Utf8Places find_ends(Grammar::Expr expr, std::size_t place);
  Utf8Places ends_of_node(const Grammar::Node& node, std::size_t place);
  Utf8Places ends_of_call(Grammar::Rule rule, std::size_t place);

  const Grammar& grammar_;
  std::unordered_map<Body, BodyEnds> bodies_;
  std::unordered_map<std::size_t, ExprEnds> exprs_;
  std::deque<Body> open_;
  Body current_ = 0;
  std::int64_t time_ = 0;  // of the body that is being looked at
  std::int64_t last_time_ = 0;
  int depth_ = 0;  // of expressions inside each other, across bodies
  bool settled_ = false;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_UTF8_BOUNDS_H_
