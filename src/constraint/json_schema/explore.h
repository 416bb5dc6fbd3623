#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_EXPLORE_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_EXPLORE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "constraint/dfa.h"
#include "constraint/effort.h"
#include "constraint/transition_table.h"

namespace pilotfish::json_schema {

// Digits `first` to `last` (or other bytes) lead to a state.
template <typename State>
struct EdgeTo {
  char first;
  char last;
  State to;
};

// The automaton of a machine: `edges` returns the edges of a state in ascending
// order, and `accepts` says whether a text may end there. States are values
// with an order.
template <typename State, typename Edges, typename Accepts>
Dfa explore(State start, const Edges& edges, const Accepts& accepts) {
  std::map<State, std::int32_t> ids = {{start, 0}};
  std::deque<State> open = {start};
  TransitionTable table;
  constexpr std::int64_t kStepsOfState = 64;
  for (; !open.empty(); open.pop_front()) {
    table.add_state(accepts(open.front()));
    Effort::spend(kStepsOfState);
    for (const EdgeTo<State>& edge : edges(open.front())) {
      const auto [place, is_new] =
          ids.try_emplace(edge.to, static_cast<std::int32_t>(ids.size()));
      if (is_new) open.push_back(edge.to);
      table.add_bytes(static_cast<unsigned char>(edge.first),
                      static_cast<unsigned char>(edge.last), place->second);
    }
  }
  return Dfa::of(table);
}

}  // namespace pilotfish::json_schema

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_EXPLORE_H_
