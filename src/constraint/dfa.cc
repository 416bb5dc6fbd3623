#include "constraint/dfa.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/effort.h"
#include "constraint/nfa_builder.h"
#include "constraint/rule_graph.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

constexpr std::int32_t kDead = TransitionTable::kDead;
// What a pair of states counts for in the Effort of combining automata.
constexpr std::int64_t kStepsOfPair = 8;
constexpr std::string_view kCombined = "two patterns combined have";

void check_size(std::int64_t states, std::int64_t most, std::string_view what) {
  if (states <= most) return;
  throw UsageError(fmt::format(
      "the constraint is too large: {} more than {} states", what, most));
}

// The edges of two states side by side: for every run of bytes that neither
// tells apart, both targets.
template <typename Visit>
void for_each_run(std::span<const TransitionTable::ByteEdge> a,
                  std::span<const TransitionTable::ByteEdge> b, Visit visit) {
  const auto edge_at = [](std::span<const TransitionTable::ByteEdge>& edges,
                          unsigned byte) {
    while (!edges.empty() && edges.front().last < byte) {
      edges = edges.subspan(1);
    }
    const bool inside = !edges.empty() && edges.front().first <= byte;
    const unsigned last = inside          ? edges.front().last
                          : edges.empty() ? 255
                                          : edges.front().first - 1U;
    return std::pair(inside ? edges.front().to : kDead, last);
  };
  for (unsigned byte = 0; byte < 256;) {
    const auto [to_a, last_a] = edge_at(a, byte);
    const auto [to_b, last_b] = edge_at(b, byte);
    const unsigned last = std::min(last_a, last_b);
    visit(byte, last, to_a, to_b);
    byte = last + 1;
  }
}

// Turns a minimal automaton into expressions.
class GrammarWriter {
 public:
  GrammarWriter(const TransitionTable& table, Grammar& grammar,
                std::string_view name)
      : table_(table),
        grammar_(grammar),
        name_(name),
        into_(static_cast<std::size_t>(table.size()), 0) {
    into_[0] = 1;  // from nowhere
    for (std::int32_t state = 0; state < table.size(); ++state) {
      std::int32_t before = kDead;
      for (const auto& [first, last, to] : table.byte_edges(state)) {
        if (to != before) ++into_[static_cast<std::size_t>(to)];
        before = to;
      }
    }
  }

  Grammar::Expr run() {
    if (table_.byte_edges(0).empty()) {
      return table_.accepting(0) ? grammar_.empty() : grammar_.nothing();
    }
    const Grammar::Expr start = chain_from(0, 0);
    while (!open_.empty()) {
      const std::int32_t state = open_.back();
      open_.pop_back();
      grammar_.define(rules_.at(state), branches_of(state, 0));
    }
    return start;
  }

 private:
  static constexpr int kMostDepth = 100;

  // What follows a state, as an expression up to the next states that are
  // rules: those to which several states lead. `depth` branches lie around it.
  Grammar::Expr chain_from(std::int32_t state, int depth) {
    std::vector<Grammar::Expr> parts;
    for (;;) {
      const auto targets = table_.targets(state);
      if (targets.empty()) break;  // an end
      const bool branches = targets.size() > 1 || table_.accepting(state);
      const bool joins = into_[static_cast<std::size_t>(state)] > 1;
      if (joins || (branches && depth == kMostDepth)) {
        parts.push_back(grammar_.call(rule_of(state)));
        break;
      }
      if (branches) {
        parts.push_back(branches_of(state, depth + 1));
        break;
      }
      parts.push_back(grammar_.bytes(targets.front().second));
      state = targets.front().first;
    }
    return grammar_.sequence(std::move(parts));
  }

  Grammar::Expr branches_of(std::int32_t state, int depth) {
    std::vector<Grammar::Expr> parts;
    if (table_.accepting(state)) parts.push_back(grammar_.empty());
    for (const auto& [to, bytes] : table_.targets(state)) {
      parts.push_back(
          grammar_.sequence({grammar_.bytes(bytes), chain_from(to, depth)}));
    }
    return grammar_.choice(std::move(parts));
  }

  Grammar::Rule rule_of(std::int32_t state) {
    const auto place = rules_.find(state);
    if (place != rules_.end()) return place->second;
    const Grammar::Rule rule = grammar_.declare(
        rules_.empty() ? name_ : fmt::format("{}-{}", name_, rules_.size()));
    rules_.emplace(state, rule);
    open_.push_back(state);
    return rule;
  }

  const TransitionTable& table_;
  Grammar& grammar_;
  const std::string name_;
  std::vector<std::int32_t> into_;  // [state], how many ways lead there
  std::map<std::int32_t, Grammar::Rule> rules_;
  std::vector<std::int32_t> open_;  // states whose rules are not defined yet
};

}  // namespace

Dfa Dfa::of(const Grammar& grammar, Grammar::Expr expr) {
  const RuleGraph graph(grammar, expr);
  NfaBuilder builder(grammar, graph,
                     [](Grammar::Expr) { return std::nullopt; });
  return Dfa(builder.build(expr).determinise(kMostStates).minimal());
}

Dfa Dfa::of(const TransitionTable& table) {
  Dfa dfa(table.minimal());
  check_size(dfa.table().size(), kMostStates, "its automaton has");
  return dfa;
}

Dfa Dfa::all() {
  TransitionTable table;
  table.add_state(true);
  table.add_bytes(0, 255, 0);
  return Dfa(std::move(table));
}

Dfa Dfa::intersect(const Dfa& other) const {
  return combine(*this, other, Operation::kIntersect);
}

Dfa Dfa::unite(const Dfa& other) const {
  return combine(*this, other, Operation::kUnite);
}

Dfa Dfa::minus(const Dfa& other) const {
  return combine(*this, other, Operation::kMinus);
}

// Runs both automata side by side, where kDead is a state too.
Dfa Dfa::combine(const Dfa& a, const Dfa& b, Operation operation) {
  using Pair = std::pair<std::int32_t, std::int32_t>;
  std::map<Pair, std::int32_t> ids;
  std::vector<Pair> pairs;
  const auto id_of = [&](const Pair& pair) {
    const auto [place, is_new] =
        ids.try_emplace(pair, static_cast<std::int32_t>(pairs.size()));
    if (is_new) pairs.push_back(pair);
    check_size(std::ssize(pairs), 4 * kMostStates, kCombined);
    return place->second;
  };
  const auto accepts = [](const TransitionTable& table, std::int32_t state) {
    return state != kDead && table.accepting(state);
  };
  const auto edges = [](const TransitionTable& table, std::int32_t state) {
    return state == kDead ? std::span<const TransitionTable::ByteEdge>()
                          : table.byte_edges(state);
  };
  const auto is_alive = [&](std::int32_t to_a, std::int32_t to_b) {
    switch (operation) {
      case Operation::kIntersect:
        return to_a != kDead && to_b != kDead;
      case Operation::kUnite:
        return to_a != kDead || to_b != kDead;
      case Operation::kMinus:
        return to_a != kDead;
    }
    return false;
  };
  TransitionTable table;
  id_of({0, 0});
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto [at_a, at_b] = pairs[i];
    const auto edges_a = edges(a.table(), at_a);
    const auto edges_b = edges(b.table(), at_b);
    Effort::spend(kStepsOfPair + std::ssize(edges_a) + std::ssize(edges_b));
    const bool in_a = accepts(a.table(), at_a);
    const bool in_b = accepts(b.table(), at_b);
    table.add_state(operation == Operation::kIntersect ? in_a && in_b
                    : operation == Operation::kUnite   ? in_a || in_b
                                                       : in_a && !in_b);
    for_each_run(edges_a, edges_b,
                 [&](unsigned first, unsigned last, std::int32_t to_a,
                     std::int32_t to_b) {
                   if (!is_alive(to_a, to_b)) return;
                   table.add_bytes(first, last, id_of({to_a, to_b}));
                 });
  }
  Dfa result(table.minimal());
  check_size(result.table().size(), kMostStates, kCombined);
  return result;
}

bool Dfa::is_empty() const {
  return !table().accepting(0) && table().byte_edges(0).empty();
}

bool Dfa::contains(std::string_view text) const {
  std::int32_t state = 0;
  for (const char byte : text) {
    state = table().next(state, static_cast<std::uint8_t>(byte));
    if (state == kDead) return false;
  }
  return table().accepting(state);
}

bool Dfa::is_prefix_free() const {
  for (std::int32_t state = 0; state < table().size(); ++state) {
    if (table().accepting(state) && !table().byte_edges(state).empty()) {
      return false;
    }
  }
  return true;
}

Grammar::Expr Dfa::to_table(Grammar& grammar, std::string_view name) const {
  if (!grammar.may_have_tables()) return to_grammar(grammar, name);
  return is_empty() ? grammar.nothing() : grammar.table(table_);
}

Grammar::Expr Dfa::to_grammar(Grammar& grammar, std::string_view name) const {
  return GrammarWriter(table(), grammar, name).run();
}

}  // namespace pilotfish
