#include "constraint/position.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

auto key_of(const Position::Item& item) {
  return std::tuple(item.state, item.min, item.max);
}

std::size_t hash_of(const Position::Item& item) {
  std::uint64_t hash = static_cast<std::uint32_t>(item.state);
  hash = hash * 0x9E3779B97F4A7C15U + static_cast<std::uint32_t>(item.min);
  hash = hash * 0x9E3779B97F4A7C15U + static_cast<std::uint32_t>(item.max);
  return static_cast<std::size_t>(hash ^ (hash >> 32));
}

}  // namespace

Position Reader::enter(Automaton::State state, StackPool::Id stack) {
  start();
  add(state, stack);
  return finish();
}

Position Reader::after_rule(StackPool::Id stack) {
  start();
  pop(stack);
  return finish();
}

Position Reader::after_byte(const Position& position, std::uint8_t byte) {
  start();
  const TransitionTable& table = automaton_.table();
  for (const auto& [state, min, max, stack] : position.items) {
    const Automaton::State next = table.next(state, byte);
    if (next == TransitionTable::kDead) continue;
    if (!automaton_.is_counted(state)) {
      add(next, stack);
    } else if (table.accepting(next)) {
      add_counted(automaton_.unit_start(state), std::max(min - 1, 0),
                  max == Automaton::kUnlimited ? max : max - 1, stack);
    } else {
      put({next, min, max, stack});
    }
  }
  return finish();
}

Position Reader::after_token(const Position& position, Token token) {
  start();
  for (const Position::Item& item : position.items) {
    for (const auto& [id, to] : automaton_.table().symbol_edges(item.state)) {
      const Automaton::Symbol& symbol = automaton_.symbol(id);
      if (symbol.kind == Automaton::Symbol::Kind::kToken &&
          symbol.token == token) {
        add(to, item.stack);
      }
    }
  }
  return finish();
}

Position Reader::unite(const Position& a, const Position& b) {
  start();
  for (const Position* position : {&a, &b}) {
    for (const Position::Item& item : position->items) put(item);
    ends_ = ends_ || position->ends;
  }
  return finish();
}

void Reader::start() {
  items_.clear();
  open_.clear();
  ends_ = false;
  slots_.assign(64, -1);
}

void Reader::add(Automaton::State state, StackPool::Id stack) {
  if (put({state, 0, 0, stack})) open_.push_back({state, stack});
}

// The place before a unit, of which `min` to `max` are to come.
void Reader::add_counted(Automaton::State start, std::int32_t min,
                         std::int32_t max, StackPool::Id stack) {
  if (max != 0) put({start, min, max, stack});
  if (min == 0) pop(stack);
}

void Reader::pop(StackPool::Id stack) {
  if (stacks_.has_bottom(stack)) ends_ = true;
  for (std::int32_t i = 0; i < stacks_.frames(stack); ++i) {
    const auto [top, below] = stacks_.frame(stack, i);
    add(top, below);
  }
}

// Returns whether that is new.
bool Reader::put(const Position::Item& item) {
  std::size_t slot = hash_of(item) & (slots_.size() - 1);
  for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
    Position::Item& known = items_[static_cast<std::size_t>(slots_[slot])];
    if (key_of(known) != key_of(item)) continue;
    const StackPool::Id both = stacks_.unite(known.stack, item.stack);
    return std::exchange(known.stack, both) != both;
  }
  slots_[slot] = static_cast<std::int32_t>(items_.size());
  items_.push_back(item);
  if (items_.size() > kMostItems) {
    throw Error(fmt::format(
        "the constraint is too ambiguous: its automaton would have to be in "
        "more than {} states at once",
        kMostItems));
  }
  if (items_.size() * 2 > slots_.size()) {
    slots_.assign(slots_.size() * 2, -1);
    for (std::size_t i = 0; i < items_.size(); ++i) {
      slot = hash_of(items_[i]) & (slots_.size() - 1);
      while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<std::int32_t>(i);
    }
  }
  return true;
}

// Adds what is reached from an entry without reading anything.
void Reader::follow(const Entry& entry) {
  const TransitionTable& table = automaton_.table();
  if (table.accepting(entry.state)) pop(entry.stack);
  for (const auto& edge : table.symbol_edges(entry.state)) {
    call(edge, entry.stack);
  }
}

void Reader::call(const TransitionTable::SymbolEdge& edge,
                  StackPool::Id stack) {
  const Automaton::Symbol& symbol = automaton_.symbol(edge.symbol);
  if (symbol.kind == Automaton::Symbol::Kind::kToken) return;
  // A call that is the last thing in a rule returns to where the rule does.
  const StackPool::Id inside = automaton_.table().is_last(edge.to)
                                   ? stack
                                   : stacks_.push(stack, edge.to);
  if (symbol.kind == Automaton::Symbol::Kind::kCall) {
    add(symbol.start, inside);
  } else {
    add_counted(symbol.start, symbol.min, symbol.max, inside);
  }
}

Position Reader::finish() {
  while (!open_.empty()) {
    const Entry entry = open_.back();
    open_.pop_back();
    follow(entry);
  }
  Position position;
  position.ends = ends_;
  for (const Position::Item& item : items_) {
    if (!automaton_.table().byte_edges(item.state).empty() ||
        automaton_.reads_tokens(item.state)) {
      position.items.push_back(item);
    }
  }
  std::ranges::sort(position.items, {}, key_of);
  return position;
}

}  // namespace pilotfish
