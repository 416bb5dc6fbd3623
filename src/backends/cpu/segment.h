#ifndef PILOTFISH_BACKENDS_CPU_SEGMENT_H_
#define PILOTFISH_BACKENDS_CPU_SEGMENT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/kv_storage.h"

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

// Rows of one sequence that lie next to each other, in a batch or in the tile
// of it that is being computed.
struct Segment {
  std::span<const KvBlock> blocks;
  std::int64_t first_row;
  std::int64_t rows;
  std::int64_t first_slot;   // in the cache; outside a tree, its position
  std::int64_t logits_rows;  // the last ones of `rows`, as are the next
  std::int64_t hidden_rows;
  TreeSlots tree;  // none: the rows are positions

  // Rows [begin, end).
  Segment part(std::int64_t begin, std::int64_t end) const {
    const auto of_part = [&](std::int64_t last_rows) {
      return std::max<std::int64_t>(0, end - std::max(begin, rows - last_rows));
    };
    return {.blocks = blocks,
            .first_row = first_row + begin,
            .rows = end - begin,
            .first_slot = first_slot + begin,
            .logits_rows = of_part(logits_rows),
            .hidden_rows = of_part(hidden_rows),
            .tree = tree};
  }
  Segment last(std::int64_t count) const { return part(rows - count, rows); }
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_SEGMENT_H_
