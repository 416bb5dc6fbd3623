#ifndef PILOTFISH_CONSTRAINT_TRIE_WALK_H_
#define PILOTFISH_CONSTRAINT_TRIE_WALK_H_

#include <cstdint>
#include <span>
#include <vector>

#include "constraint/vocabulary.h"

namespace pilotfish {

// The nodes on the way to where a walk stands, with the children that are to
// be visited yet and what `step` gave for each. Memory that walks share.
template <typename Value>
struct TrieLevel {
  std::span<const ConstraintVocabulary::Child> children;
  Value value;
};

// Walks below one node of a vocabulary's trie, in preorder. `step` takes what
// the node above stands for and a byte, and gives what the node stands for;
// what `is_dead` is not visited. `visit` says whether to go on below the node.
// Plain tokens can be left out.
template <typename Value, typename Step, typename IsDead, typename Visit>
void walk_below(const ConstraintVocabulary& vocabulary, std::int32_t root,
                bool skips_plain_tokens, const Value& start,
                std::vector<TrieLevel<Value>>& levels, Step step,
                IsDead is_dead, Visit visit) {
  levels.clear();
  levels.push_back({vocabulary.children(root), start});
  while (!levels.empty()) {
    TrieLevel<Value>& level = levels.back();
    if (level.children.empty()) {
      levels.pop_back();
      continue;
    }
    const ConstraintVocabulary::Child& child = level.children.front();
    level.children = level.children.subspan(1);
    if (child.is_plain && skips_plain_tokens) continue;
    Value value = step(level.value, child.byte);
    if (is_dead(value)) continue;
    if (!visit(child.node, value)) continue;
    const auto below = vocabulary.children(child.node);
    if (!below.empty()) levels.push_back({below, value});
  }
}

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_TRIE_WALK_H_
