#ifndef PILOTFISH_MODEL_TREE_SLOTS_H_
#define PILOTFISH_MODEL_TREE_SLOTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pilotfish {

// How the slots of a sequence that ends in a tree relate: slots below `length`
// are positions, slot length + i is row i of the tree. Without a tree all slots
// are positions.
struct TreeSlots {
  std::int64_t length;
  std::span<const std::int32_t> parents;  // as of KvCache::append_tree

  // Of a tree row, the position it would have if its path were kept.
  std::int64_t position(std::int64_t slot) const {
    std::int64_t ancestors = 0;
    std::int64_t at = slot;
    for (; at >= length && !parents.empty(); at = before(at)) ++ancestors;
    return at + ancestors;
  }

  // Whether a slot comes directly after the one before it in the text too.
  bool follows(std::int64_t slot) const {
    return slot < length || parents.empty() || before(slot) == slot - 1;
  }

  // The tree's slots from the root down to `slot`; none for a position.
  void find_path(std::int64_t slot, std::vector<std::int64_t>& path) const {
    path.resize(
        static_cast<size_t>(parents.empty() ? 0 : position(slot) - length + 1));
    for (size_t i = path.size(); i > 0; slot = before(slot)) path[--i] = slot;
  }

 private:
  // What a row of the tree follows.
  std::int64_t before(std::int64_t slot) const {
    const std::int32_t parent = parents[static_cast<size_t>(slot - length)];
    return parent < 0 ? length - 1 : length + parent;
  }
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_TREE_SLOTS_H_
