#ifndef PILOTFISH_CONSTRAINT_TRANSITION_TABLE_H_
#define PILOTFISH_CONSTRAINT_TRANSITION_TABLE_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pilotfish {

using ByteSet = std::bitset<256>;

// A deterministic automaton over bytes and symbols (numbers with a meaning of
// the caller's), as lists of edges. Its start is state 0.
class TransitionTable {
 public:
  static constexpr std::int32_t kDead = -1;  // where there is no edge

  // Bytes `first` to `last`, both included.
  struct ByteEdge {
    std::uint8_t first;
    std::uint8_t last;
    std::int32_t to;

    bool operator==(const ByteEdge&) const = default;
  };
  struct SymbolEdge {
    std::int32_t symbol;
    std::int32_t to;

    bool operator==(const SymbolEdge&) const = default;
  };

  // Edges are added to the state added last and may lead to states that are
  // added later; those of bytes come in ascending order and do not overlap.
  void add_state(bool accepting);
  void add_bytes(unsigned first, unsigned last, std::int32_t to);
  void add_symbol(std::int32_t symbol, std::int32_t to);

  std::int32_t size() const {
    return static_cast<std::int32_t>(states_.size());
  }
  bool accepting(std::int32_t state) const { return at(state).accepting; }
  std::span<const ByteEdge> byte_edges(std::int32_t state) const;
  std::span<const SymbolEdge> symbol_edges(std::int32_t state) const;
  // The states that bytes lead to, ascending, with all those bytes.
  std::vector<std::pair<std::int32_t, ByteSet>> targets(
      std::int32_t state) const;
  // kDead where no edge has the byte.
  std::int32_t next(std::int32_t state, std::uint8_t byte) const;
  // Nothing can follow.
  bool is_last(std::int32_t state) const {
    return byte_edges(state).empty() && symbol_edges(state).empty();
  }

  // Adds the states of another table behind these.
  void append(const TransitionTable& other);

  // The smallest automaton of the same language, numbered in one fixed way:
  // two of them are equal if and only if their languages are. Every state of it
  // is on the way to an accepting one, but for the only state of the empty
  // language.
  TransitionTable minimal() const;

  // The states from which one of `marked` is reached, themselves included.
  std::vector<char> reaching(std::vector<char> marked) const;

  // A key for the language that follows `state`. In a minimal table equal
  // languages have equal keys. Nothing if more than `most` states can follow.
  std::optional<std::string> residual_key(std::int32_t state,
                                          std::size_t most) const;

  bool operator==(const TransitionTable&) const = default;

 private:
  struct State {
    std::int32_t first_byte_edge;
    std::int32_t first_symbol_edge;
    bool accepting;

    bool operator==(const State&) const = default;
  };

  const State& at(std::int32_t state) const {
    return states_[static_cast<std::size_t>(state)];
  }
  std::vector<char> useful_states() const;

  std::vector<State> states_;
  std::vector<ByteEdge> byte_edges_;      // state after state
  std::vector<SymbolEdge> symbol_edges_;  // state after state
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_TRANSITION_TABLE_H_
