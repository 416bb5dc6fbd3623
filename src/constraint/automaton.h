#ifndef PILOTFISH_CONSTRAINT_AUTOMATON_H_
#define PILOTFISH_CONSTRAINT_AUTOMATON_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/transition_table.h"
#include "pilotfish/token.h"

namespace pilotfish {

// A grammar as a deterministic automaton for each of its rules, which call each
// other over a stack of the states to return to. It knows no vocabulary.
// Immutable.
class Automaton {
 public:
  using State = std::int32_t;
  static constexpr std::int64_t kMostStates = 200'000;
  static constexpr std::int32_t kUnlimited = -1;

  // What an edge can read instead of a byte.
  struct Symbol {
    enum class Kind : std::uint8_t {
      kToken,  // a special token
      kCall,   // what the states from `start` on read, to the end of their rule
      kCount,  // the same `min` to `max` times, counted beside the state
    };
    Kind kind;
    Token token = 0;
    State start = 0;
    std::int32_t min = 0;
    std::int32_t max = 0;  // or kUnlimited
  };

  // Throws UsageError where a rule is left-recursive, where no text satisfies
  // the grammar, and where it is too large.
  static std::shared_ptr<const Automaton> compile(const Grammar& grammar);

  State start() const { return 0; }
  // The automata of all rules, one behind the other. The symbols of its edges
  // are those below.
  const TransitionTable& table() const { return table_; }
  const Symbol& symbol(std::int32_t id) const {
    return symbols_[static_cast<std::size_t>(id)];
  }

  // An edge of the state reads a special token.
  bool reads_tokens(State state) const { return at(state).reads_tokens; }
  // The state is inside a unit that a kCount counts. No such unit is the
  // beginning of another, and no edge leads back to the state it starts in.
  bool is_counted(State state) const { return at(state).unit_start >= 0; }
  State unit_start(State state) const { return at(state).unit_start; }
  // From here on the rule reads only bytes.
  bool reads_bytes_alone(State state) const { return at(state).bytes_alone; }
  // Any number of plain characters can follow, whichever they are, and the rule
  // ends behind none of them.
  bool takes_plain_text(State state) const { return at(state).plain_text; }
  // Neither here nor in any later state can the rule both end and go on.
  bool is_prefix_free(State state) const { return at(state).prefix_free; }

 private:
  friend class AutomatonCompiler;

  struct Properties {
    State unit_start;  // -1: not counted
    bool reads_tokens;
    bool bytes_alone;
    bool prefix_free;
    bool plain_text;
  };

  Automaton() = default;
  const Properties& at(State state) const {
    return properties_[static_cast<std::size_t>(state)];
  }

  TransitionTable table_;
  std::vector<Symbol> symbols_;
  std::vector<Properties> properties_;  // [state]
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_AUTOMATON_H_
