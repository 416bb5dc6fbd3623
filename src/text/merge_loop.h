#ifndef PILOTFISH_TEXT_MERGE_LOOP_H_
#define PILOTFISH_TEXT_MERGE_LOOP_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// A stretch of a piece that stands for one token so far.
struct Symbol {
  std::uint32_t begin = 0;  // in bytes
  std::uint32_t end = 0;
  Token id = -1;               // -1: not in the vocabulary
  std::int32_t previous = -1;  // indices of its neighbours, -1 at the ends
  std::int32_t next = -1;
};

// What two neighbours may become. Lower ranks go first.
struct Merge {
  std::uint32_t rank = 0;
  Token id = 0;
};

// Byte-pair merging: joins the neighbours of the lowest rank, leftmost first,
// until none may be joined. O(n log n) by a linked list and a heap. Keeps its
// memory from one piece to the next; not thread-safe.
class MergeLoop {
 public:
  void clear() { symbols_.clear(); }

  // Appends the next symbol of a piece.
  void add(size_t begin, size_t end, Token id) {
    const auto index = static_cast<std::int32_t>(symbols_.size());
    if (index > 0) symbols_.back().next = index;
    symbols_.push_back({static_cast<std::uint32_t>(begin),
                        static_cast<std::uint32_t>(end), id, index - 1, -1});
  }

  // find(left, right) gives std::optional<Merge> for two neighbours.
  template <class Find>
  void run(Find&& find) {
    heap_.clear();
    const auto consider = [&](std::int32_t left) {
      if (left < 0 || at(left).next < 0) return;
      const Symbol& right = at(at(left).next);
      const std::optional<Merge> merge = find(at(left), right);
      if (!merge) return;
      heap_.push_back(
          {std::uint64_t{merge->rank} << 32 | static_cast<std::uint32_t>(left),
           right.end, merge->id});
    };
    for (size_t i = 0; i + 1 < symbols_.size(); ++i) {
      consider(static_cast<std::int32_t>(i));
    }
    std::ranges::make_heap(heap_, std::greater(), &Candidate::order);

    while (!heap_.empty()) {
      std::ranges::pop_heap(heap_, std::greater(), &Candidate::order);
      const Candidate best = heap_.back();
      heap_.pop_back();
      const auto index = static_cast<std::int32_t>(best.order & 0xFFFFFFFF);
      Symbol& left = at(index);
      // Out of date where either neighbour has been joined to another since.
      if (left.begin == left.end || left.next < 0 ||
          at(left.next).end != best.end) {
        continue;
      }
      absorb_next(left, index, best.id);
      for (const std::int32_t changed : {left.previous, index}) {
        const size_t before = heap_.size();
        consider(changed);
        if (heap_.size() > before) {
          std::ranges::push_heap(heap_, std::greater(), &Candidate::order);
        }
      }
    }
  }

  // Calls visit(symbol) for each symbol that is left, in order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (symbols_.empty()) return;
    for (std::int32_t i = 0; i >= 0;) {
      const Symbol& symbol = symbols_[static_cast<size_t>(i)];
      visit(symbol);
      i = symbol.next;
    }
  }

 private:
  struct Candidate {
    std::uint64_t order = 0;  // rank, then the index of the left symbol
    std::uint32_t end = 0;    // where the joined symbol would end
    Token id = 0;
  };

  Symbol& at(std::int32_t index) {
    return symbols_[static_cast<size_t>(index)];
  }

  void absorb_next(Symbol& left, std::int32_t index, Token id) {
    Symbol& right = at(left.next);
    left.end = right.end;
    left.id = id;
    left.next = right.next;
    if (right.next >= 0) at(right.next).previous = index;
    right.begin = right.end;  // marks it as gone
  }

  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_MERGE_LOOP_H_
