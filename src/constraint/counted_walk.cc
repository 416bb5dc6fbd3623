#include "constraint/counted_walk.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "constraint/trie_walk.h"
#include "constraint/walk_tables.h"

namespace pilotfish {
namespace {

// The walk from a state of a counted unit.
class CountedWalker {
 public:
  CountedWalker(const Automaton& automaton,
                const ConstraintVocabulary& vocabulary, Automaton::State state,
                const ByteSet& follow)
      : vocabulary_(vocabulary),
        state_(state),
        start_(automaton.unit_start(state)),
        follow_(follow),
        table_(automaton),
        walk_{.all = TokenMask(vocabulary.size()),
              .tokens = {},
              .first = {},
              .ends = {}} {
    found_.reserve(static_cast<std::size_t>(vocabulary.size()));
  }

  CountedWalk run() {
    std::vector<TrieLevel<Place>> levels;
    // A text that ends the repeats at once stands elsewhere as well.
    const Place root{state_, 0, 0, true};
    walk_below(
        vocabulary_, 0, false, root, levels,
        [&](Place& from, std::uint8_t byte) { return step(from, byte); },
        [](const Place& to) { return to.state == StateTable::kDeadPlace; },
        [&](std::int32_t node, Place& place) {
          visit(node, place);
          return true;
        });
    sort_tokens();
    std::ranges::sort(walk_.ends, {}, &CountedWalk::End::node);
    return std::move(walk_);
  }

 private:
  struct Place {
    Automaton::State state = 0;
    std::int32_t units = 0;  // finished
    std::int32_t node = 0;
    bool is_known_end = false;
  };

  Place step(Place& from, std::uint8_t byte) {
    if (from.state == start_ && !from.is_known_end && follow_[byte]) {
      from.is_known_end = true;
      walk_.ends.push_back({from.node, from.units});
    }
    const Automaton::State next = table_.next(from.state, byte);
    if (next == StateTable::kDeadPlace || !table_.ends(next)) {
      return {next, from.units};
    }
    // A unit that is finished stands where the next one begins.
    return {start_, from.units + 1};
  }

  void visit(std::int32_t id, Place& place) {
    place.node = id;
    const std::int32_t begun = place.units + (place.state == start_ ? 0 : 1);
    for (const Token token : vocabulary_.tokens(id)) {
      found_.emplace_back(begun, token);
    }
  }

  // By their units.
  void sort_tokens() {
    std::int32_t most = 0;
    for (const auto& [units, token] : found_) most = std::max(most, units);
    walk_.first.assign(static_cast<std::size_t>(most) + 2, 0);
    for (const auto& [units, token] : found_) {
      ++walk_.first[static_cast<std::size_t>(units) + 1];
    }
    std::partial_sum(walk_.first.begin(), walk_.first.end(),
                     walk_.first.begin());
    std::vector<std::int32_t> next = walk_.first;
    walk_.tokens.resize(found_.size());
    for (const auto& [units, token] : found_) {
      const std::int32_t at = next[static_cast<std::size_t>(units)]++;
      walk_.tokens[static_cast<std::size_t>(at)] = token;
      walk_.all.allow(token);
    }
  }

  const ConstraintVocabulary& vocabulary_;
  const Automaton::State state_;
  const Automaton::State start_;
  const ByteSet& follow_;
  StateTable table_;
  std::vector<std::pair<std::int32_t, Token>> found_;  // units begun, token
  CountedWalk walk_;
};

TokenMask all_but(TokenMask mask, std::span<const Token> tokens) {
  for (const Token token : tokens) mask.forbid(token);
  return mask;
}

}  // namespace

std::int64_t CountedWalk::bytes() const {
  return 128 + 8 * std::ssize(all.words()) + 4 * std::ssize(tokens) +
         4 * std::ssize(first) + 8 * std::ssize(ends);
}

CountedWalk walk_counted(const Automaton& automaton,
                         const ConstraintVocabulary& vocabulary,
                         Automaton::State state, const ByteSet& follow) {
  return CountedWalker(automaton, vocabulary, state, follow).run();
}

Walk with_counts(const ConstraintVocabulary& vocabulary,
                 const CountedWalk& walk, std::int32_t min, std::int32_t max) {
  const std::int32_t most = max == Automaton::kUnlimited
                                ? std::numeric_limits<std::int32_t>::max()
                                : max;
  const std::size_t allowed =
      most + std::int64_t{1} < std::ssize(walk.first)
          ? static_cast<std::size_t>(
                walk.first[static_cast<std::size_t>(most) + 1])
          : walk.tokens.size();
  const std::span<const Token> tokens = walk.tokens;
  Walk result =
      allowed < tokens.size() / 2
          ? Walk{TokenSet(vocabulary, false,
                          {tokens.begin(), tokens.begin() + allowed})}
          : Walk{TokenSet(all_but(walk.all, tokens.subspan(allowed)))};
  for (const auto& [node, units] : walk.ends) {
    if (units >= min && units <= most) result.ends.push_back(node);
  }
  return result;
}

}  // namespace pilotfish
