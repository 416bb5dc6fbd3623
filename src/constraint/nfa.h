#ifndef PILOTFISH_CONSTRAINT_NFA_H_
#define PILOTFISH_CONSTRAINT_NFA_H_

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/transition_table.h"

namespace pilotfish {

// A nondeterministic automaton with one start and one end, on the way from a
// grammar's expression to a deterministic one.
class Nfa {
 public:
  using State = std::int32_t;

  // Throws UsageError once there are more states than `most`.
  explicit Nfa(std::int64_t most = 2) : most_(most) {}

  State add_state();
  State start() const { return 0; }
  State end() const { return 1; }

  void add_empty(State from, State to);
  void add_bytes(State from, const ByteSet& bytes, State to);
  void add_symbol(State from, std::int32_t symbol, State to);

  // Throws UsageError once there are more states than `most`, or where sets of
  // this automaton's states become absurdly large.
  TransitionTable determinise(std::int64_t most) const;
  // Nothing instead.
  std::optional<TransitionTable> try_determinise(std::int64_t most) const;

  std::int64_t states() const { return std::ssize(last_edge_); }
  bool has_symbols() const { return has_symbols_; }

 private:
  friend class SubsetConstruction;

  struct Edge {
    enum class Kind : std::uint8_t { kEmpty, kBytes, kSymbol };
    Kind kind;
    std::int32_t label;  // an index into sets_, or a symbol
    State to;
    std::int32_t next;  // the state's edge added before, or -1
  };

  void add_edge(State from, Edge::Kind kind, std::int32_t label, State to);

  std::int64_t most_;
  bool has_symbols_ = false;
  std::vector<Edge> edges_;
  std::vector<std::int32_t> last_edge_ = {-1, -1};  // [state]
  std::vector<ByteSet> sets_;
  std::unordered_map<ByteSet, std::int32_t> set_ids_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_NFA_H_
