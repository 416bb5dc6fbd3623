#ifndef PILOTFISH_ANSWERS_FREE_TEXT_H_
#define PILOTFISH_ANSWERS_FREE_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "constraint/grammar.h"

namespace pilotfish {

// What a text of any characters must not contain or begin with.
struct FreeText {
  std::string_view inside = {};  // must not occur in it; empty: no limit
  std::vector<std::string> begins = {};  // how it must not begin
  bool thinks = false;  // it must not begin with <think>, behind white space
  // `inside` follows the text, and must not occur earlier, not even as the end
  // of the text together with the beginning of `inside`.
  bool before_inside = false;
};

// Whether `word` can begin inside itself, as ">>>" can.
bool overlaps_itself(std::string_view word);

Grammar::Expr write_free_text(Grammar& grammar, const FreeText& without);

// White space as ReasoningSplitter drops it, any of it.
Grammar::Expr write_white_space(Grammar& grammar);

// Between the arguments of a call and its id.
inline constexpr std::string_view kIdBegins = ", \"id\": \"";

inline constexpr std::string_view kThinkBegins = "<think>";
inline constexpr std::string_view kThinkEnds = "</think>";

}  // namespace pilotfish

#endif  // PILOTFISH_ANSWERS_FREE_TEXT_H_
