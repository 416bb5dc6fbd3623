#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_SUFFIX_AUTOMATON_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_SUFFIX_AUTOMATON_H_

#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// Finds every substring of a text that grows at its end, in amortised constant
// time per token (Blumer et al. 1985, "The smallest automaton recognizing the
// subwords of a text"). It takes about 130 bytes per token and holds at most
// 2^29 tokens. Not thread-safe while it grows.
class SuffixAutomaton {
 public:
  // A substring of the text. The default is the empty one.
  struct Match {
    std::int32_t state = 0;
    std::int32_t length = 0;
  };

  SuffixAutomaton();

  void extend(Token token);
  std::int64_t size() const { return size_; }  // of the text

  // The longest suffix of the text that also occurs earlier in it, and the
  // index behind such an earlier place, mostly the latest.
  Match repeated_suffix() const { return repeated_; }
  std::int64_t repeated_end() const { return repeated_end_; }

  // The index behind a place where it occurs.
  std::int64_t end_of(Match match) const {
    return states_[static_cast<size_t>(match.state)].end;
  }

  // The longest suffix of `match` and then `token` that occurs in the text.
  Match follow(Match match, Token token) const;

  // Prepares likely_next; call it again after the text has grown. O(size).
  void count_occurrences();
  // The token that follows most often in the text, and where it leads; -1 where
  // only the text's end does. Requires: count_occurrences after the last
  // extend.
  struct Next {
    Token token = -1;
    Match match;
  };
  Next likely_next(Match match) const;

 private:
  // All substrings that end at the same places.
  struct State {
    std::int32_t length;  // of the longest of them
    std::int32_t link;    // the state of the longest proper suffix; -1: none
    std::int32_t end;     // behind a place where they occur
    std::int32_t first_edge;  // -1: none
    bool is_prefix;           // the longest of them begins the text
  };
  struct Edge {
    Token token;
    std::int32_t target;
    std::int32_t next;  // of the same state; -1: none
    std::int32_t from;
  };

  std::int32_t add_state(std::int32_t length, std::int32_t end, bool is_prefix);
  std::int32_t find_edge(std::int32_t state, Token token) const;  // -1: none
  void add_edge(std::int32_t from, Token token, std::int32_t to);
  std::int32_t split(std::int32_t from, std::int32_t edge);
  size_t slot_of(std::int32_t state, Token token) const;
  void grow_table();

  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<std::int32_t> table_;  // edges by (state, token); -1: free
  std::int32_t last_ = 0;            // the state of the whole text
  std::int64_t size_ = 0;
  Match repeated_;
  std::int64_t repeated_end_ = 0;
  std::vector<std::int32_t> likely_;  // [state]: an edge; -1: none
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_SUFFIX_AUTOMATON_H_
