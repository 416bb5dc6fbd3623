#ifndef PILOTFISH_CONSTRAINT_POSITION_H_
#define PILOTFISH_CONSTRAINT_POSITION_H_

#include <cstdint>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/stack_pool.h"

namespace pilotfish {

// Where the reading of a text stands: all the states in which an automaton can
// be, with their stacks. A text has no continuation where there is no item and
// it does not end.
struct Position {
  // A state that reads a byte or a token next.
  struct Item {
    Automaton::State state;
    // In a counted state, how often the unit has to come and may come yet. The
    // one that has begun counts.
    std::int32_t min;
    std::int32_t max;
    StackPool::Id stack;

    bool operator==(const Item&) const = default;
  };

  std::vector<Item> items = {};  // ascending; stacks of equal states are united
  bool ends = false;             // nothing need follow

  bool is_dead() const { return items.empty() && !ends; }
  bool operator==(const Position&) const = default;
};

// Makes positions. They lie over the bottom of a pool's stacks, which can be
// the end of the text or the end of the rule that one looks at.
class Reader {
 public:
  static constexpr std::size_t kMostItems = 1024;

  // Both must outlive the reader.
  Reader(const Automaton& automaton, StackPool& stacks)
      : automaton_(automaton), stacks_(stacks) {}

  // Throw Error where a position has more than kMostItems items or its stacks
  // are too deep.
  Position enter(Automaton::State state, StackPool::Id stack);
  // Behind the end of a rule that was called with this stack.
  Position after_rule(StackPool::Id stack);
  Position after_byte(const Position& position, std::uint8_t byte);
  Position after_token(const Position& position, Token token);
  Position unite(const Position& a, const Position& b);

 private:
  struct Entry {
    Automaton::State state;
    StackPool::Id stack;
  };

  void start();
  void add(Automaton::State state, StackPool::Id stack);
  void add_counted(Automaton::State start, std::int32_t min, std::int32_t max,
                   StackPool::Id stack);
  void pop(StackPool::Id stack);
  bool put(const Position::Item& item);
  void follow(const Entry& entry);
  void call(const TransitionTable::SymbolEdge& edge, StackPool::Id stack);
  Position finish();

  const Automaton& automaton_;
  StackPool& stacks_;
  std::vector<Position::Item> items_;  // all that were entered
  std::vector<std::int32_t> slots_;    // a hash table of indices of items_
  std::vector<Entry> open_;            // to be followed yet
  bool ends_ = false;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_POSITION_H_
