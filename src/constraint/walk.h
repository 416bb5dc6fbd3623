#ifndef PILOTFISH_CONSTRAINT_WALK_H_
#define PILOTFISH_CONSTRAINT_WALK_H_

#include <cstdint>
#include <span>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/position.h"
#include "constraint/stack_pool.h"
#include "constraint/token_mask.h"
#include "constraint/vocabulary.h"

namespace pilotfish {

// A set of tokens of a vocabulary: all plain ones or none of them, and a list
// of others, or a mask if the list would be long.
class TokenSet {
 public:
  // The vocabulary must outlive the set.
  TokenSet(const ConstraintVocabulary& vocabulary, bool has_plain_tokens,
           std::vector<Token> others);
  explicit TokenSet(TokenMask mask) { mask_.push_back(std::move(mask)); }

  void add_to(TokenMask& mask) const;
  // How much memory it takes.
  std::int64_t bytes() const;

 private:
  const TokenMask* plain_ = nullptr;
  std::vector<Token> others_;
  std::vector<TokenMask> mask_;  // one, or none
};

// What a walk over tokens finds that begins in a state: the tokens whose bytes
// can be read in the state's rule and those that it calls, and those that go on
// behind the end of the rule.
struct Walk {
  TokenSet tokens;
  // The nodes of the vocabulary's trie at which the rule can end: what lies
  // below has to be read on where the rule was called. Ascending.
  std::vector<std::int32_t> ends = {};

  std::int64_t bytes() const {
    return 128 + tokens.bytes() + 4 * std::ssize(ends);
  }
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

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_WALK_H_
