#include "speculative/drafters/suffix_automaton.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kMostTokens = std::int64_t{1} << 29;

// States whose place is brought up to date with each token, longest first. More
// would cost much in a text of one token repeated.
constexpr int kRefreshed = 16;

}  // namespace

SuffixAutomaton::SuffixAutomaton() : table_(64, -1) { add_state(0, 0, false); }

std::int32_t SuffixAutomaton::add_state(std::int32_t length, std::int32_t end,
                                        bool is_prefix) {
  states_.push_back({length, -1, end, -1, is_prefix});
  return static_cast<std::int32_t>(states_.size() - 1);
}

size_t SuffixAutomaton::slot_of(std::int32_t state, Token token) const {
  // The finaliser of splitmix64.
  std::uint64_t x = (static_cast<std::uint64_t>(state) << 32) ^
                    static_cast<std::uint32_t>(token);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  x ^= x >> 31;
  size_t slot = x & (table_.size() - 1);
  while (table_[slot] >= 0) {
    const Edge& edge = edges_[static_cast<size_t>(table_[slot])];
    if (edge.from == state && edge.token == token) break;
    slot = (slot + 1) & (table_.size() - 1);
  }
  return slot;
}

std::int32_t SuffixAutomaton::find_edge(std::int32_t state, Token token) const {
  return table_[slot_of(state, token)];
}

void SuffixAutomaton::add_edge(std::int32_t from, Token token,
                               std::int32_t to) {
  if (2 * (edges_.size() + 1) > table_.size()) grow_table();
  State& state = states_[static_cast<size_t>(from)];
  const auto edge = static_cast<std::int32_t>(edges_.size());
  table_[slot_of(from, token)] = edge;
  edges_.push_back({token, to, state.first_edge, from});
  state.first_edge = edge;
}

void SuffixAutomaton::grow_table() {
  table_.assign(2 * table_.size(), -1);
  for (size_t i = 0; i < edges_.size(); ++i) {
    table_[slot_of(edges_[i].from, edges_[i].token)] =
        static_cast<std::int32_t>(i);
  }
}

// Takes the shorter substrings out of the state that `edge` leads to, those
// that from's with the edge's token are the longest of, into one of their own.
std::int32_t SuffixAutomaton::split(std::int32_t from, std::int32_t edge) {
  const std::int32_t whole = edges_[static_cast<size_t>(edge)].target;
  const Token token = edges_[static_cast<size_t>(edge)].token;
  const std::int32_t part =
      add_state(states_[static_cast<size_t>(from)].length + 1,
                states_[static_cast<size_t>(whole)].end, false);
  for (std::int32_t e = states_[static_cast<size_t>(whole)].first_edge; e >= 0;
       e = edges_[static_cast<size_t>(e)].next) {
    const Edge copied = edges_[static_cast<size_t>(e)];
    add_edge(part, copied.token, copied.target);
  }
  State& source = states_[static_cast<size_t>(whole)];
  states_[static_cast<size_t>(part)].link = source.link;
  source.link = part;
  for (std::int32_t state = from; state >= 0;
       state = states_[static_cast<size_t>(state)].link) {
    const std::int32_t e = find_edge(state, token);
    if (e < 0 || edges_[static_cast<size_t>(e)].target != whole) break;
    edges_[static_cast<size_t>(e)].target = part;
  }
  return part;
}

void SuffixAutomaton::extend(Token token) {
  if (size_ == kMostTokens) {
    throw UsageError("a text to draft from has more than 2^29 tokens");
  }
  ++size_;
  const auto length = static_cast<std::int32_t>(size_);
  const std::int32_t whole = add_state(length, length, true);
  std::int32_t state = last_;
  std::int32_t edge = -1;
  while (state >= 0 && (edge = find_edge(state, token)) < 0) {
    add_edge(state, token, whole);
    state = states_[static_cast<size_t>(state)].link;
  }
  std::int32_t link = 0;
  if (state >= 0) {
    link = edges_[static_cast<size_t>(edge)].target;
    const bool exact = states_[static_cast<size_t>(link)].length ==
                       states_[static_cast<size_t>(state)].length + 1;
    if (!exact) link = split(state, edge);
  }
  states_[static_cast<size_t>(whole)].link = link;
  last_ = whole;

  repeated_ = {link, states_[static_cast<size_t>(link)].length};
  repeated_end_ = states_[static_cast<size_t>(link)].end;
  for (int i = 0; i < kRefreshed && link > 0; ++i) {
    State& refreshed = states_[static_cast<size_t>(link)];
    refreshed.end = length;
    link = refreshed.link;
  }
}

SuffixAutomaton::Match SuffixAutomaton::follow(Match match, Token token) const {
  std::int32_t edge = -1;
  while ((edge = find_edge(match.state, token)) < 0 && match.state > 0) {
    match.state = states_[static_cast<size_t>(match.state)].link;
    match.length = states_[static_cast<size_t>(match.state)].length;
  }
  if (edge < 0) return {};
  return {edges_[static_cast<size_t>(edge)].target, match.length + 1};
}

void SuffixAutomaton::count_occurrences() {
  std::vector<std::int32_t> order(states_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return states_[static_cast<size_t>(a)].length >
           states_[static_cast<size_t>(b)].length;
  });
  // A prefix ends in one place; a suffix ends wherever what it is one of does.
  std::vector<std::int32_t> counts(states_.size());
  for (const std::int32_t i : order) {
    const State& state = states_[static_cast<size_t>(i)];
    if (state.is_prefix) ++counts[static_cast<size_t>(i)];
    if (state.link >= 0) {
      counts[static_cast<size_t>(state.link)] += counts[static_cast<size_t>(i)];
    }
  }
  likely_.assign(states_.size(), -1);
  for (size_t i = 0; i < edges_.size(); ++i) {
    std::int32_t& likely = likely_[static_cast<size_t>(edges_[i].from)];
    const auto rank = [&](const Edge& edge) {
      return std::pair(counts[static_cast<size_t>(edge.target)], -edge.token);
    };
    if (likely < 0 ||
        rank(edges_[i]) > rank(edges_[static_cast<size_t>(likely)])) {
      likely = static_cast<std::int32_t>(i);
    }
  }
}

SuffixAutomaton::Next SuffixAutomaton::likely_next(Match match) const {
  assert(likely_.size() == states_.size());
  const std::int32_t likely = likely_[static_cast<size_t>(match.state)];
  if (likely < 0) return {};
  const Edge& edge = edges_[static_cast<size_t>(likely)];
  return {edge.token, {edge.target, match.length + 1}};
}

}  // namespace pilotfish
