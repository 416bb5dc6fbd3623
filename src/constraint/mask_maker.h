#ifndef PILOTFISH_CONSTRAINT_MASK_MAKER_H_
#define PILOTFISH_CONSTRAINT_MASK_MAKER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/position.h"
#include "constraint/shared_walks.h"
#include "constraint/token_mask.h"
#include "constraint/vocabulary.h"
#include "constraint/walk.h"

namespace pilotfish {

// Finds the tokens that can follow a position. What a state allows by itself is
// found once; only tokens that go on behind the end of its rule are followed on
// the stack. Thread-safe.
class MaskMaker {
 public:
  MaskMaker(std::shared_ptr<const Automaton> automaton,
            std::shared_ptr<const ConstraintVocabulary> vocabulary);

  // What is kept for one text: its stacks and what was found on them.
  // Not thread-safe.
  class Text;

  std::shared_ptr<const TokenMask> mask(Text& text, const Position& position);

 private:
  // What a walk depends on.
  struct RootKey {
    Automaton::State state;
    std::int32_t min;
    std::int32_t max;
    ByteSet follow;

    bool operator==(const RootKey&) const = default;
  };
  struct HashRootKey {
    std::size_t operator()(const RootKey& key) const;
  };
  struct MadeMask {
    TokenMask mask;
    std::int64_t bytes() const { return 128 + 8 * std::ssize(mask.words()); }
  };
  using Walks = std::vector<std::shared_ptr<const Walk>>;
  // The parts of a mask: walks, and special tokens.
  struct MaskKey {
    Walks walks = {};
    std::vector<Token> tokens = {};

    bool operator==(const MaskKey&) const = default;
  };
  struct HashMaskKey {
    std::size_t operator()(const MaskKey& key) const;
  };

  std::shared_ptr<const Walk> root_walk(Text& text, const Position::Item& item);
  std::shared_ptr<const Walk> find_root_walk(const RootKey& key) const;
  std::shared_ptr<const CountedWalk> counted_walk(const RootKey& key) const;
  std::shared_ptr<const Walk> rest_of(Text& text,
                                      const std::shared_ptr<const Walk>& walk,
                                      StackPool::Id stack) const;
  ByteSet follow_of(Text& text, const Position::Item& item) const;
  void add_tokens(Automaton::State state, std::vector<Token>& tokens) const;

  const std::shared_ptr<const Automaton> automaton_;
  const std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  BoundedCache<RootKey, Walk, HashRootKey> root_walks_;
  BoundedCache<MaskKey, MadeMask, HashMaskKey> masks_;
};

class MaskMaker::Text {
 public:
  StackPool stacks;

 private:
  friend class MaskMaker;

  // A walk whose rule's end lies on a stack.
  struct RestKey {
    std::shared_ptr<const Walk> walk;
    StackPool::Id stack;

    bool operator==(const RestKey&) const = default;
  };
  struct HashRestKey {
    std::size_t operator()(const RestKey& key) const;
  };

  BoundedCache<RestKey, Walk, HashRestKey> rests_{std::int64_t{1} << 20};
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_MASK_MAKER_H_
