#include "constraint/plain_text.h"

#include <cstdint>
#include <map>
#include <utility>

#include "constraint/dfa.h"
#include "constraint/grammar.h"

namespace pilotfish {
namespace {

// Assumes of every pair of states, of the table and inside a character, that
// all can follow, and takes that back where a byte is missing and in all pairs
// that lead there.
class PlainTextSearch {
 public:
  explicit PlainTextSearch(const TransitionTable& table) : table_(table) {}

  std::vector<char> run() {
    for (std::int32_t state = 0; state < table_.size(); ++state) {
      if (!table_.accepting(state)) visit({state, 0});
    }
    for (std::size_t i = 0; i < order_.size(); ++i) expand(order_[i]);
    while (!failed_.empty()) {
      const Pair pair = failed_.back();
      failed_.pop_back();
      for (const Pair& user : users_[pair]) fail(user);
    }
    std::vector<char> found(static_cast<std::size_t>(table_.size()), 0);
    for (const auto& [pair, holds] : holds_) {
      if (pair.second == 0 && holds) {
        found[static_cast<std::size_t>(pair.first)] = 1;
      }
    }
    return found;
  }

 private:
  using Pair = std::pair<std::int32_t, std::int32_t>;

  void visit(const Pair& pair) {
    // Most states read few bytes: they need no further thought.
    if (pair.second == 0 &&
        table_.next(pair.first, ' ') == TransitionTable::kDead) {
      return;
    }
    if (holds_.try_emplace(pair, true).second) order_.push_back(pair);
  }

  void fail(const Pair& pair) {
    const auto place = holds_.find(pair);
    if (place != holds_.end() && std::exchange(place->second, false)) {
      failed_.push_back(pair);
    }
  }

  void expand(Pair pair) {
    const auto [state, inside] = pair;
    const TransitionTable& plain = plain_character();
    std::vector<Pair> targets;
    for (const auto& edge : plain.byte_edges(inside)) {
      const std::int32_t then = plain.accepting(edge.to) ? 0 : edge.to;
      unsigned byte = edge.first;
      for (const auto& own : table_.byte_edges(state)) {
        if (own.last < byte) continue;
        if (own.first > byte || byte > edge.last) break;
        targets.push_back({own.to, then});
        byte = own.last + 1U;
      }
      if (byte <= edge.last) return fail(pair);
    }
    for (const Pair& target : targets) {
      if (table_.accepting(target.first)) return fail(pair);
      visit(target);
      if (!holds_.contains(target)) return fail(pair);
    }
    for (const Pair& target : targets) users_[target].push_back(pair);
  }

  const TransitionTable& table_;
  std::map<Pair, bool> holds_;
  std::map<Pair, std::vector<Pair>> users_;
  std::vector<Pair> order_;
  std::vector<Pair> failed_;
};

}  // namespace

const TransitionTable& plain_character() {
  static const Dfa kPlain = [] {
    Grammar grammar;
    const std::vector<CodePointRange> plain = {{0x20, '"' - 1},
                                               {'"' + 1, '\\' - 1},
                                               {'\\' + 1, 0x7E},
                                               {0x80, 0x10FFFF}};
    return Dfa::of(grammar, grammar.character(plain));
  }();
  return kPlain.table();
}

std::vector<char> plain_text_states(const TransitionTable& table) {
  return PlainTextSearch(table).run();
}

}  // namespace pilotfish
