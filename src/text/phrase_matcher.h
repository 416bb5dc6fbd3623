#ifndef PILOTFISH_TEXT_PHRASE_MATCHER_H_
#define PILOTFISH_TEXT_PHRASE_MATCHER_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// Finds the leftmost, and there the longest, of a set of phrases in a text.
// Immutable and thread-safe.
class PhraseMatcher {
 public:
  struct Match {
    size_t begin = 0;
    size_t end = 0;
    Token token = 0;
  };

  PhraseMatcher() = default;
  // Empty phrases are left out; of equal ones the first is kept.
  explicit PhraseMatcher(std::vector<std::pair<std::string, Token>> phrases);

  bool empty() const { return phrases_.empty(); }

  // The first match that begins at `from` or later.
  std::optional<Match> find(std::string_view text, size_t from) const {
    return find(text, from, [](const Match&) { return true; });
  }
  // The same among the matches for which `accepts(match)` is true; the longest
  // of them where several begin at one place.
  template <class Accepts>
  std::optional<Match> find(std::string_view text, size_t from,
                            Accepts accepts) const {
    for (size_t i = from; i < text.size(); ++i) {
      if (!begins_[static_cast<unsigned char>(text[i])]) continue;
      std::optional<Match> longest;
      for_each_at(text, i, [&](const Match& match) {
        if (accepts(match)) longest = match;
      });
      if (longest) return longest;
    }
    return std::nullopt;
  }

 private:
  using Phrases = std::vector<std::pair<std::string, Token>>;
  using Range = std::pair<Phrases::const_iterator, Phrases::const_iterator>;

  // Calls `visit(match)` for the phrases at `begin`, shorter ones first.
  // Narrows the sorted phrases byte by byte to those that agree with the text.
  template <class Visit>
  void for_each_at(std::string_view text, size_t begin, Visit visit) const {
    Range range = {phrases_.begin(), phrases_.end()};
    for (size_t depth = 0; begin + depth < text.size(); ++depth) {
      range = narrowed(range, depth, text[begin + depth]);
      if (range.first == range.second) break;
      if (range.first->first.size() == depth + 1) {
        visit(Match{begin, begin + depth + 1, range.first->second});
      }
    }
  }

  // Those of `range`, all alike before byte `depth`, that have `wanted` there.
  static Range narrowed(Range range, size_t depth, char wanted);

  Phrases phrases_;                 // sorted by text
  std::array<bool, 256> begins_{};  // whether a phrase begins with the byte
};

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_PHRASE_MATCHER_H_
