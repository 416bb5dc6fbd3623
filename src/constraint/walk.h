#ifndef PILOTFISH_CONSTRAINT_WALK_H_
#define PILOTFISH_CONSTRAINT_WALK_H_

#include <cstdint>
#include <span>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/grammar.h"
#include "constraint/position.h"
#include "constraint/stack_pool.h"
#include "constraint/token_mask.h"
#include "constraint/vocabulary.h"

namespace pilotfish {

// Some tokens of a vocabulary, as a list where they are few.
class TokenSet {
 public:
  explicit TokenSet(TokenMask mask);

  void add_to(TokenMask& mask) const;
  bool is_empty() const { return few_.empty() && many_.empty(); }
  // What it takes.
  std::int64_t bytes() const;

 private:
  std::vector<Token> few_;
  std::vector<TokenMask> many_;  // one, or none
};

// What a walk over tokens finds that begins in a state: the tokens whose bytes
// can be read in the state's rule and those that it calls, and those that go on
// behind the end of the rule.
struct Walk {
  TokenSet tokens;
  // The nodes of the vocabulary's trie at which the rule can end: what lies
  // below has to be read on where the rule was called. Ascending.
  std::vector<std::int32_t> ends = {};

  std::int64_t bytes() const;
};

// The same from a state of a counted unit, for any counts.
struct CountedWalk {
  struct End {
    std::int32_t node;
    std::int32_t units;  // finished there
  };
  TokenMask all;
  std::vector<Token> tokens;  // by the number of units that they begin
  std::vector<std::int32_t> first =
      {};                 // [n]: in `tokens`, the first with n units
  std::vector<End> ends;  // where units end, ascending

  std::int64_t bytes() const;
};

// Walks all tokens from what `state` itself reads next; the rules that it calls
// first are other states of a position. The rule's ends count only where a byte
// of `follow` comes next in the trie.
Walk walk_from(const Automaton& automaton,
               const ConstraintVocabulary& vocabulary, Automaton::State state,
               const ByteSet& follow);
// Walks what lies below `nodes` from a position, with the stacks that it has.
Walk walk_on(const Automaton& automaton, const ConstraintVocabulary& vocabulary,
             std::span<const std::int32_t> nodes, const Position& position,
             StackPool& stacks);
CountedWalk walk_counted(const Automaton& automaton,
                         const ConstraintVocabulary& vocabulary,
                         Automaton::State state, const ByteSet& follow);
// What is left where the unit has to come `min` times and may come `max` times,
// the one that has begun included.
Walk with_counts(const CountedWalk& walk, std::int32_t min, std::int32_t max);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_WALK_H_
