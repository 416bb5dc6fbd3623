#ifndef PILOTFISH_CONSTRAINT_WALK_TABLES_H_
#define PILOTFISH_CONSTRAINT_WALK_TABLES_H_

#include <array>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/position.h"
#include "constraint/stack_pool.h"

namespace pilotfish {

// Both tables say where each byte leads, for walks that ask often. They are
// filled on demand.

// From states behind which their rules read bytes alone: to states.
class StateTable {
 public:
  static constexpr std::int32_t kDeadPlace = TransitionTable::kDead;

  explicit StateTable(const Automaton& automaton)
      : table_(automaton.table()),
        row_of_(static_cast<std::size_t>(table_.size()), kUnknown) {}

  std::int32_t next(Automaton::State state, std::uint8_t byte) {
    const std::int32_t row = row_of_[static_cast<std::size_t>(state)];
    if (row == kUnknown) [[unlikely]] {
      return new_row(state)[byte];
    }
    return rows_[static_cast<std::size_t>(row)][byte];
  }
  // The rule can end there.
  bool ends(Automaton::State state) const { return table_.accepting(state); }

 private:
  using Row = std::array<Automaton::State, 256>;
  static constexpr std::int32_t kUnknown = -1;

  const Row& new_row(Automaton::State state);

  const TransitionTable& table_;
  std::vector<std::int32_t> row_of_;  // [state]
  std::vector<Row> rows_;
};

// From positions to positions, which have numbers.
class PositionTable {
 public:
  static constexpr std::int32_t kDeadPlace = 0;

  PositionTable(const Automaton& automaton, StackPool& stacks)
      : automaton_(automaton), reader_(automaton, stacks) {
    id_of({});
  }

  std::int32_t id_of(Position position);
  std::int32_t next(std::int32_t position, std::uint8_t byte) {
    const std::size_t at = static_cast<std::size_t>(position) * 256 + byte;
    if (next_[at] == kUnknown) [[unlikely]] {
      fill(position, byte);
    }
    return next_[at];
  }
  bool ends(std::int32_t position) const {
    return positions_[static_cast<std::size_t>(position)].ends;
  }

 private:
  static constexpr std::int32_t kUnknown = -1;

  void fill(std::int32_t id, std::uint8_t byte);

  const Automaton& automaton_;
  Reader reader_;
  std::deque<Position> positions_;
  std::unordered_multimap<std::uint64_t, std::int32_t> by_hash_;
  std::vector<std::int32_t> next_;  // [position, byte]
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_WALK_TABLES_H_
