#include "constraint/transition_table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <map>
#include <numeric>
#include <utility>

#include "constraint/effort.h"

namespace pilotfish {
namespace {

// What an edge counts for in the Effort of finding the smallest automaton.
constexpr std::int64_t kStepsOfMinimal = 8;

// A set of elements in blocks that are split by marking elements, in constant
// time for each mark (Valmari and Lehtinen 2008, "Efficient minimization of
// DFAs with partial transition functions").
class Partition {
 public:
  explicit Partition(std::int32_t elements)
      : elements_(static_cast<std::size_t>(elements)),
        place_(elements_.size()),
        block_(elements_.size(), 0) {
    std::iota(elements_.begin(), elements_.end(), 0);
    std::iota(place_.begin(), place_.end(), 0);
    if (elements > 0) blocks_.push_back({0, elements, 0});
  }

  std::int32_t blocks() const {
    return static_cast<std::int32_t>(blocks_.size());
  }
  std::int32_t block_of(std::int32_t element) const {
    return block_[static_cast<std::size_t>(element)];
  }
  std::span<const std::int32_t> of(std::int32_t block) const {
    const Block& its = blocks_[static_cast<std::size_t>(block)];
    return std::span(elements_).subspan(
        static_cast<std::size_t>(its.first),
        static_cast<std::size_t>(its.past - its.first));
  }

  void mark(std::int32_t element) {
    Block& block = blocks_[static_cast<std::size_t>(block_of(element))];
    const std::int32_t from = place_[static_cast<std::size_t>(element)];
    const std::int32_t to = block.first + block.marked;
    if (from < to) return;  // marked already
    put(elements_[static_cast<std::size_t>(to)], from);
    put(element, to);
    if (block.marked++ == 0) touched_.push_back(block_of(element));
  }

  // Cuts the marked elements off their blocks; the smaller part is a new block.
  void split() {
    for (const std::int32_t id : touched_) {
      Block& block = blocks_[static_cast<std::size_t>(id)];
      const std::int32_t middle = block.first + block.marked;
      const std::int32_t marked = std::exchange(block.marked, 0);
      if (middle == block.past) continue;
      Block cut;
      if (marked <= block.past - middle) {
        cut = {block.first, middle, 0};
        block.first = middle;
      } else {
        cut = {middle, block.past, 0};
        block.past = middle;
      }
      for (std::int32_t i = cut.first; i < cut.past; ++i) {
        block_[static_cast<std::size_t>(
            elements_[static_cast<std::size_t>(i)])] = blocks();
      }
      blocks_.push_back(cut);
    }
    touched_.clear();
  }

 private:
  struct Block {
    std::int32_t first;
    std::int32_t past;
    std::int32_t marked;  // so many from `first` on
  };

  void put(std::int32_t element, std::int32_t place) {
    elements_[static_cast<std::size_t>(place)] = element;
    place_[static_cast<std::size_t>(element)] = place;
  }

  std::vector<std::int32_t> elements_;
  std::vector<std::int32_t> place_;
  std::vector<std::int32_t> block_;
  std::vector<Block> blocks_;
  std::vector<std::int32_t> touched_;
};

struct Edge {
  std::int32_t from;
  std::int32_t letter;
  std::int32_t to;
};

// Edges by a state of theirs: `of(state)` are indices into the list.
class EdgeIndex {
 public:
  EdgeIndex(std::span<const Edge> edges, std::int32_t states,
            std::int32_t Edge::*end)
      : first_(static_cast<std::size_t>(states) + 1, 0), edges_(edges.size()) {
    for (const Edge& edge : edges) {
      ++first_[static_cast<std::size_t>(edge.*end) + 1];
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    std::vector<std::int32_t> next = first_;
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const auto at = static_cast<std::size_t>(edges[i].*end);
      edges_[static_cast<std::size_t>(next[at]++)] =
          static_cast<std::int32_t>(i);
    }
  }

  std::span<const std::int32_t> of(std::int32_t state) const {
    const auto at = static_cast<std::size_t>(state);
    return std::span(edges_).subspan(
        static_cast<std::size_t>(first_[at]),
        static_cast<std::size_t>(first_[at + 1] - first_[at]));
  }

 private:
  std::vector<std::int32_t> first_;
  std::vector<std::int32_t> edges_;
};

// The blocks of states that no continuation tells apart.
Partition equal_states(std::int32_t states, std::vector<Edge> edges,
                       std::span<const std::int32_t> accepting) {
  Partition blocks(states);
  for (const std::int32_t state : accepting) blocks.mark(state);
  blocks.split();

  std::ranges::sort(edges, {}, &Edge::letter);
  Partition cords(static_cast<std::int32_t>(edges.size()));
  for (std::size_t i = 0; i < edges.size();) {
    std::size_t past = i;
    for (; past < edges.size() && edges[past].letter == edges[i].letter;
         ++past) {
      cords.mark(static_cast<std::int32_t>(past));
    }
    cords.split();
    i = past;
  }

  const EdgeIndex into(edges, states, &Edge::to);
  std::int32_t block = 1;
  for (std::int32_t cord = 0; cord < cords.blocks(); ++cord) {
    for (const std::int32_t edge : cords.of(cord)) {
      blocks.mark(edges[static_cast<std::size_t>(edge)].from);
    }
    blocks.split();
    for (; block < blocks.blocks(); ++block) {
      for (const std::int32_t state : blocks.of(block)) {
        for (const std::int32_t edge : into.of(state)) cords.mark(edge);
      }
      cords.split();
    }
  }
  return blocks;
}

void append_number(std::string& key, std::int32_t number) {
  for (int shift = 0; shift < 32; shift += 8) {
    key += static_cast<char>(static_cast<std::uint32_t>(number) >> shift);
  }
}

}  // namespace

void TransitionTable::add_state(bool accepting) {
  states_.push_back({static_cast<std::int32_t>(byte_edges_.size()),
                     static_cast<std::int32_t>(symbol_edges_.size()),
                     accepting});
}

void TransitionTable::add_bytes(unsigned first, unsigned last,
                                std::int32_t to) {
  const auto begin = static_cast<std::size_t>(states_.back().first_byte_edge);
  if (byte_edges_.size() > begin && byte_edges_.back().to == to &&
      byte_edges_.back().last + 1U == first) {
    byte_edges_.back().last = static_cast<std::uint8_t>(last);
    return;
  }
  byte_edges_.push_back(
      {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(last), to});
}

void TransitionTable::add_symbol(std::int32_t symbol, std::int32_t to) {
  symbol_edges_.push_back({symbol, to});
}

std::span<const TransitionTable::ByteEdge> TransitionTable::byte_edges(
    std::int32_t state) const {
  const auto begin = static_cast<std::size_t>(at(state).first_byte_edge);
  const std::size_t end =
      state + 1 < size()
          ? static_cast<std::size_t>(at(state + 1).first_byte_edge)
          : byte_edges_.size();
  return std::span(byte_edges_).subspan(begin, end - begin);
}

std::span<const TransitionTable::SymbolEdge> TransitionTable::symbol_edges(
    std::int32_t state) const {
  const auto begin = static_cast<std::size_t>(at(state).first_symbol_edge);
  const std::size_t end =
      state + 1 < size()
          ? static_cast<std::size_t>(at(state + 1).first_symbol_edge)
          : symbol_edges_.size();
  return std::span(symbol_edges_).subspan(begin, end - begin);
}

std::vector<std::pair<std::int32_t, ByteSet>> TransitionTable::targets(
    std::int32_t state) const {
  std::vector<std::pair<std::int32_t, ByteSet>> targets;
  for (const auto& [first, last, to] : byte_edges(state)) {
    auto place = std::ranges::lower_bound(
        targets, to, {}, &std::pair<std::int32_t, ByteSet>::first);
    if (place == targets.end() || place->first != to) {
      place = targets.insert(place, {to, ByteSet()});
    }
    for (unsigned byte = first; byte <= last; ++byte) place->second.set(byte);
  }
  return targets;
}

std::int32_t TransitionTable::next(std::int32_t state,
                                   std::uint8_t byte) const {
  const std::span<const ByteEdge> edges = byte_edges(state);
  const auto edge = std::ranges::lower_bound(edges, byte, {}, &ByteEdge::last);
  return edge != edges.end() && edge->first <= byte ? edge->to : kDead;
}

void TransitionTable::append(const TransitionTable& other) {
  const std::int32_t offset = size();
  for (std::int32_t state = 0; state < other.size(); ++state) {
    add_state(other.accepting(state));
    for (const ByteEdge& edge : other.byte_edges(state)) {
      byte_edges_.push_back({edge.first, edge.last, edge.to + offset});
    }
    for (const SymbolEdge& edge : other.symbol_edges(state)) {
      add_symbol(edge.symbol, edge.to + offset);
    }
  }
}

std::vector<char> TransitionTable::reaching(std::vector<char> marked) const {
  std::vector<Edge> edges;
  std::vector<std::int32_t> open;
  for (std::int32_t state = 0; state < size(); ++state) {
    if (marked[static_cast<std::size_t>(state)] != 0) open.push_back(state);
    for (const ByteEdge& edge : byte_edges(state)) {
      edges.push_back({state, 0, edge.to});
    }
    for (const SymbolEdge& edge : symbol_edges(state)) {
      edges.push_back({state, 0, edge.to});
    }
  }
  const EdgeIndex into(edges, size(), &Edge::to);
  while (!open.empty()) {
    const std::int32_t state = open.back();
    open.pop_back();
    for (const std::int32_t edge : into.of(state)) {
      const std::int32_t from = edges[static_cast<std::size_t>(edge)].from;
      char& mark = marked[static_cast<std::size_t>(from)];
      if (mark == 0) open.push_back(from);
      mark = 1;
    }
  }
  return marked;
}

// Which states are reached from the start and reach an accepting one.
std::vector<char> TransitionTable::useful_states() const {
  std::vector<char> accepts;
  for (const State& state : states_) accepts.push_back(state.accepting ? 1 : 0);
  const std::vector<char> finishes = reaching(std::move(accepts));
  std::vector<char> useful(states_.size(), 0);
  std::vector<std::int32_t> open;
  const auto visit = [&](std::int32_t state) {
    const auto at = static_cast<std::size_t>(state);
    if (useful[at] != 0 || finishes[at] == 0) return;
    useful[at] = 1;
    open.push_back(state);
  };
  visit(0);
  while (!open.empty()) {
    const std::int32_t state = open.back();
    open.pop_back();
    for (const ByteEdge& edge : byte_edges(state)) visit(edge.to);
    for (const SymbolEdge& edge : symbol_edges(state)) visit(edge.to);
  }
  return useful;
}

TransitionTable TransitionTable::minimal() const {
  const std::vector<char> useful = useful_states();
  const auto is_useful = [&](std::int32_t state) {
    return useful[static_cast<std::size_t>(state)] != 0;
  };
  TransitionTable result;
  Effort::spend(kStepsOfMinimal *
                (size() + std::ssize(byte_edges_) + std::ssize(symbol_edges_)));
  if (!is_useful(0)) {
    result.add_state(false);
    return result;
  }

  // A letter is a run of bytes that no edge tells apart, or a symbol.
  std::array<bool, 257> begins{};
  for (const ByteEdge& edge : byte_edges_) {
    begins[edge.first] = true;
    begins[edge.last + 1U] = true;
  }
  std::array<std::int32_t, 257> letter_of{};
  std::vector<unsigned> first_byte = {0};
  for (unsigned byte = 1; byte < 256; ++byte) {
    if (begins[byte]) first_byte.push_back(byte);
    letter_of[byte] = static_cast<std::int32_t>(first_byte.size()) - 1;
  }

  std::vector<Edge> edges;
  std::vector<std::int32_t> accepting_states;
  for (std::int32_t state = 0; state < size(); ++state) {
    if (!is_useful(state)) continue;
    if (accepting(state)) accepting_states.push_back(state);
    for (const ByteEdge& edge : byte_edges(state)) {
      if (!is_useful(edge.to)) continue;
      for (std::int32_t letter = letter_of[edge.first];
           letter <= letter_of[edge.last]; ++letter) {
        edges.push_back({state, letter, edge.to});
      }
    }
    for (const SymbolEdge& edge : symbol_edges(state)) {
      if (is_useful(edge.to)) {
        edges.push_back({state, 256 + edge.symbol, edge.to});
      }
    }
  }
  const Partition blocks =
      equal_states(size(), std::move(edges), accepting_states);

  std::map<std::int32_t, std::int32_t> number;  // of a block, in the result
  std::vector<std::int32_t> order;  // a state of each block, by that number
  const auto number_of = [&](std::int32_t state) {
    const auto [place, is_new] = number.try_emplace(
        blocks.block_of(state), static_cast<std::int32_t>(order.size()));
    if (is_new) order.push_back(state);
    return place->second;
  };
  number_of(0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int32_t state = order[i];
    result.add_state(accepting(state));
    for (const ByteEdge& edge : byte_edges(state)) {
      if (is_useful(edge.to)) {
        result.add_bytes(edge.first, edge.last, number_of(edge.to));
      }
    }
    std::vector<SymbolEdge> symbols;
    for (const SymbolEdge& edge : symbol_edges(state)) {
      if (is_useful(edge.to)) symbols.push_back(edge);
    }
    std::ranges::sort(symbols, {}, &SymbolEdge::symbol);
    for (const SymbolEdge& edge : symbols) {
      result.add_symbol(edge.symbol, number_of(edge.to));
    }
  }
  return result;
}

std::optional<std::string> TransitionTable::residual_key(
    std::int32_t state, std::size_t most) const {
  std::map<std::int32_t, std::int32_t> number = {{state, 0}};
  std::vector<std::int32_t> order = {state};
  const auto number_of = [&](std::int32_t other) {
    const auto [place, is_new] =
        number.try_emplace(other, static_cast<std::int32_t>(order.size()));
    if (is_new) order.push_back(other);
    return place->second;
  };
  std::string key;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order.size() > most) return {};
    const std::span<const ByteEdge> bytes = byte_edges(order[i]);
    const std::span<const SymbolEdge> symbols = symbol_edges(order[i]);
    key += accepting(order[i]) ? '+' : '-';
    append_number(key, static_cast<std::int32_t>(bytes.size()));
    append_number(key, static_cast<std::int32_t>(symbols.size()));
    for (const ByteEdge& edge : bytes) {
      key += static_cast<char>(edge.first);
      key += static_cast<char>(edge.last);
      append_number(key, number_of(edge.to));
    }
    for (const SymbolEdge& edge : symbols) {
      append_number(key, edge.symbol);
      append_number(key, number_of(edge.to));
    }
  }
  return key;
}

}  // namespace pilotfish
