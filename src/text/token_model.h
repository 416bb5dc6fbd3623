#ifndef PILOTFISH_TEXT_TOKEN_MODEL_H_
#define PILOTFISH_TEXT_TOKEN_MODEL_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "pilotfish/token.h"
#include "text/vocabulary.h"

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

// U+2581, which stands for a space in SentencePiece vocabularies.
inline constexpr std::string_view kBlank = "\xE2\x96\x81";

// The part of a tokenizer that cuts a normalised piece into tokens. Immutable
// and thread-safe.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  // Appends the tokens of `piece` to `out`. Requires piece.size() < 2^31.
  virtual void encode(std::string_view piece, MergeLoop& loop,
                      std::vector<Token>& out) const = 0;

  // Whether no token continues over a U+2581 that follows another character,
  // so that a text may be cut there and its words encoded apart.
  virtual bool cuts_before_blank() const = 0;
};

// Whether `text` has a U+2581 after another character.
bool has_inner_blank(std::string_view text);

// The tokens "<0x00>" to "<0xFF>" that stand for single bytes, by byte; -1 for
// those the vocabulary lacks.
std::array<Token, 256> byte_tokens(const Vocabulary& vocabulary);

// The byte that "<0x0A>" and the like spell, or -1.
int byte_of_token_text(std::string_view text);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_TOKEN_MODEL_H_
