#include "constraint/walk.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <set>
#include <unordered_map>
#include <utility>

#include "constraint/plain_text.h"

namespace pilotfish {
namespace {

using Node = ConstraintVocabulary::Node;

// The positions of an automaton as a table of what each byte leads to, which is
// filled where it is needed.
class PositionTable {
 public:
  static constexpr std::int32_t kDeadPosition = 0;

  PositionTable(const Automaton& automaton, StackPool& stacks)
      : automaton_(automaton), reader_(automaton, stacks) {
    id_of({});
  }

  std::int32_t id_of(Position position) {
    const std::uint64_t hash = hash_of(position);
    const auto [begin, end] = by_hash_.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      if (positions_[static_cast<std::size_t>(it->second)] == position) {
        return it->second;
      }
    }
    const auto id = static_cast<std::int32_t>(positions_.size());
    by_hash_.emplace(hash, id);
    next_.resize(next_.size() + 256, id == kDeadPosition ? 0 : kUnknown);
    ends_.push_back(position.ends ? 1 : 0);
    positions_.push_back(std::move(position));
    return id;
  }

  std::int32_t next(std::int32_t position, std::uint8_t byte) {
    const std::size_t at = static_cast<std::size_t>(position) * 256 + byte;
    if (next_[at] == kUnknown) [[unlikely]] {
      fill(position);
    }
    return next_[at];
  }
  bool ends(std::int32_t position) const {
    return ends_[static_cast<std::size_t>(position)] != 0;
  }

 private:
  static constexpr std::int32_t kUnknown = -1;

  static std::uint64_t hash_of(const Position& position) {
    std::uint64_t hash = position.ends ? 1 : 0;
    for (const auto& [state, min, max, stack] : position.items) {
      for (const std::int32_t part : {state, min, max, stack}) {
        hash = (hash ^ static_cast<std::uint32_t>(part)) * 0x9E3779B97F4A7C15U;
        hash ^= hash >> 29;
      }
    }
    return hash;
  }

  // Bytes that no edge of the position's states tells apart lead to the same.
  void fill(std::int32_t id) {
    const Position position = positions_[static_cast<std::size_t>(id)];
    std::array<bool, 257> begins{};
    std::array<bool, 256> read{};
    for (const Position::Item& item : position.items) {
      for (const auto& edge : automaton_.table().byte_edges(item.state)) {
        begins[edge.first] = true;
        begins[edge.last + 1U] = true;
        std::fill(read.begin() + edge.first, read.begin() + edge.last + 1,
                  true);
      }
    }
    std::int32_t to = kDeadPosition;
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (byte == 0 || begins[byte]) {
        to = read[byte] ? id_of(reader_.after_byte(
                              position, static_cast<std::uint8_t>(byte)))
                        : kDeadPosition;
      }
      next_[static_cast<std::size_t>(id) * 256 + byte] = to;
    }
  }

  const Automaton& automaton_;
  Reader reader_;
  std::vector<Position> positions_;
  std::unordered_multimap<std::uint64_t, std::int32_t> by_hash_;
  std::vector<std::int32_t> next_;  // [position, byte]
  std::vector<char> ends_;          // [position]
};

// The table of a counted unit: what a byte leads to, without counts.
class UnitTable {
 public:
  UnitTable(const Automaton& automaton, Automaton::State start)
      : automaton_(automaton), start_(start) {}

  Automaton::State next(Automaton::State state, std::uint8_t byte) {
    const auto at = static_cast<std::size_t>(state - start_);
    if (at >= rows_.size()) rows_.resize(at + 1);
    if (rows_[at].empty()) fill(state, rows_[at]);
    return rows_[at][byte];
  }

 private:
  void fill(Automaton::State state, std::vector<Automaton::State>& row) const {
    const TransitionTable& table = automaton_.table();
    row.assign(256, TransitionTable::kDead);
    for (const auto& [first, last, to] : table.byte_edges(state)) {
      // A unit that is finished stands where the next one begins.
      const Automaton::State next = table.accepting(to) ? start_ : to;
      std::fill(row.begin() + first, row.begin() + last + 1, next);
    }
  }

  const Automaton& automaton_;
  const Automaton::State start_;
  std::vector<std::vector<Automaton::State>> rows_;  // [state, byte]
};

// Whether a byte of `follow` comes next below a node.
bool goes_on(std::span<const Node> nodes, std::int32_t node,
             const ByteSet& follow) {
  const std::int32_t end = nodes[static_cast<std::size_t>(node)].end;
  for (std::int32_t child = node + 1; child < end;
       child = nodes[static_cast<std::size_t>(child)].end) {
    if (follow[nodes[static_cast<std::size_t>(child)].byte]) return true;
  }
  return false;
}

// Walks below one node of a vocabulary's trie. `step` takes what the node above
// stands for and a byte, and gives what the node stands for; below what
// `is_dead` nothing is visited, nor where all tokens are of a `skipped` slice.
// `path` is memory for one value at each depth.
template <typename Value, typename Step, typename IsDead, typename Visit>
void walk_below(std::span<const Node> nodes, std::int32_t root,
                std::uint8_t skipped, const Value& start,
                std::vector<Value>& path, Step step, IsDead is_dead,
                Visit visit) {
  const auto at = [](std::int32_t i) { return static_cast<std::size_t>(i); };
  const auto put = [&](std::size_t depth, const Value& value) {
    if (path.size() <= depth) path.resize(depth + 16);
    path[depth] = value;
  };
  put(nodes[at(root)].depth, start);
  const std::int32_t end = nodes[at(root)].end;
  for (std::int32_t i = root + 1; i < end;) {
    const Node& node = nodes[at(i)];
    if ((node.slices & skipped) != 0) {
      i = node.end;
      continue;
    }
    const Value value = step(path[node.depth - 1U], node.byte);
    if (is_dead(value)) {
      i = node.end;
      continue;
    }
    put(node.depth, value);
    visit(i, path[node.depth]);
    ++i;
  }
}

class Walker {
 public:
  Walker(const Automaton& automaton, const ConstraintVocabulary& vocabulary,
         StackPool& stacks)
      : automaton_(automaton),
        vocabulary_(vocabulary),
        nodes_(vocabulary.nodes()),
        tokens_(vocabulary.tokens()),
        table_(automaton, stacks),
        mask_(vocabulary.size()) {}

  // Walks below some nodes. The rule's ends count where `follow` has a byte
  // that comes next.
  void walk(std::span<const std::int32_t> roots, Position position,
            const ByteSet& follow) {
    const std::int32_t start = table_.id_of(std::move(position));
    for (const std::int32_t root : roots) walk_below(root, start, follow, 0);
  }

  // Walks the whole trie, but for a slice that can follow as a whole.
  void walk_all(Automaton::State state, const ByteSet& follow) {
    const std::int32_t start =
        table_.id_of({.items = {{state, 0, 0, StackPool::kBottom}}});
    std::uint8_t skipped = 0;
    const std::int32_t length =
        automaton_.takes_plain_text(state)
            ? std::numeric_limits<std::int32_t>::max()
            : plain_length(start, follow & plain_bytes());
    for (std::size_t i = 0; i < ConstraintVocabulary::kSliceLengths.size();
         ++i) {
      if (length < ConstraintVocabulary::kSliceLengths[i]) break;
      skipped = static_cast<std::uint8_t>(1U << i);
      mask_.allow_all_of(vocabulary_.slice(i));
    }
    walk_below(0, start, follow, skipped);
  }

  Walk result() && {
    return {.tokens = TokenSet(std::move(mask_)), .ends = std::move(ends_)};
  }

 private:
  void walk_below(std::int32_t root, std::int32_t position,
                  const ByteSet& follow, std::uint8_t skipped) {
    pilotfish::walk_below(
        nodes_, root, skipped, position, path_,
        [&](std::int32_t from, std::uint8_t byte) {
          return table_.next(from, byte);
        },
        [](std::int32_t to) { return to == PositionTable::kDeadPosition; },
        [&](std::int32_t node, std::int32_t at) { visit(node, at, follow); });
  }

  // Tokens of a slice go on with these bytes alone.
  static ByteSet plain_bytes() {
    ByteSet bytes;
    const TransitionTable& plain = plain_character();
    for (std::int32_t state = 0; state < plain.size(); ++state) {
      for (const auto& edge : plain.byte_edges(state)) {
        for (unsigned byte = edge.first; byte <= edge.last; ++byte) {
          bytes.set(byte);
        }
      }
    }
    return bytes;
  }

  // How many plain characters, whichever they are, can follow a position while
  // the rule does not end, unless nothing is in `follow`; as many as there are
  // where that never changes. Looks no further than the slices need.
  std::int32_t plain_length(std::int32_t position, const ByteSet& follow) {
    constexpr std::int32_t kMost = ConstraintVocabulary::kSliceLengths[1];
    std::set<std::int32_t> seen = {position};
    std::vector<std::int32_t> now = {position};
    for (std::int32_t length = 0; length <= kMost; ++length) {
      std::vector<std::int32_t> next;
      for (const std::int32_t from : now) {
        if (!read_plain_character(from, 0, follow, next)) return length;
      }
      std::ranges::sort(next);
      next.erase(std::unique(next.begin(), next.end()), next.end());
      if (next.size() > 16) return length;
      bool is_new = false;
      for (const std::int32_t to : next) is_new |= seen.insert(to).second;
      if (!is_new) return std::numeric_limits<std::int32_t>::max();
      now = std::move(next);
    }
    return kMost;
  }

  // Adds where a position leads over each plain character. False where one of
  // them cannot be read, or the rule can end in it or behind it.
  bool read_plain_character(std::int32_t from, std::int32_t state,
                            const ByteSet& follow,
                            std::vector<std::int32_t>& to) {
    const TransitionTable& plain = plain_character();
    std::int32_t before = PositionTable::kDeadPosition;
    for (const auto& edge : plain.byte_edges(state)) {
      for (unsigned byte = edge.first; byte <= edge.last; ++byte) {
        const std::int32_t next =
            table_.next(from, static_cast<std::uint8_t>(byte));
        if (next == PositionTable::kDeadPosition) return false;
        if (byte != edge.first && next == before) continue;
        before = next;
        if (table_.ends(next) && follow.any()) return false;
        if (plain.accepting(edge.to)) {
          to.push_back(next);
        } else if (!read_plain_character(next, edge.to, follow, to)) {
          return false;
        }
      }
    }
    return true;
  }

  void visit(std::int32_t id, std::int32_t position, const ByteSet& follow) {
    const Node& node = nodes_[static_cast<std::size_t>(id)];
    const Node& next = nodes_[static_cast<std::size_t>(id) + 1];
    for (std::int32_t i = node.first_token; i < next.first_token; ++i) {
      mask_.allow(tokens_[static_cast<std::size_t>(i)]);
    }
    if (table_.ends(position) && goes_on(nodes_, id, follow)) {
      ends_.push_back(id);
    }
  }

  const Automaton& automaton_;
  const ConstraintVocabulary& vocabulary_;
  std::span<const Node> nodes_;
  std::span<const Token> tokens_;
  PositionTable table_;
  std::vector<std::int32_t> path_;  // [depth], positions
  TokenMask mask_;
  std::vector<std::int32_t> ends_;
};

// The walk from a state of a counted unit.
class CountedWalker {
 public:
  CountedWalker(const Automaton& automaton,
                const ConstraintVocabulary& vocabulary, Automaton::State state,
                const ByteSet& follow)
      : nodes_(vocabulary.nodes()),
        tokens_(vocabulary.tokens()),
        state_(state),
        start_(automaton.unit_start(state)),
        follow_(follow),
        table_(automaton, start_),
        walk_{.all = TokenMask(vocabulary.size()),
              .tokens = {},
              .first = {},
              .ends = {}} {
    found_.reserve(tokens_.size());
  }

  CountedWalk run() {
    std::vector<Place> path;
    // A text that ends the repeats at once stands elsewhere as well.
    const Place root{state_, 0, 0, true};
    walk_below(
        nodes_, 0, 0, root, path,
        [&](Place& from, std::uint8_t byte) { return step(from, byte); },
        [](const Place& to) { return to.state == TransitionTable::kDead; },
        [&](std::int32_t node, Place& place) { visit(node, place); });
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
    return {next, from.units + (next == start_ ? 1 : 0)};
  }

  void visit(std::int32_t id, Place& place) {
    place.node = id;
    const std::int32_t begun = place.units + (place.state == start_ ? 0 : 1);
    const auto at = static_cast<std::size_t>(id);
    for (std::int32_t i = nodes_[at].first_token;
         i < nodes_[at + 1].first_token; ++i) {
      found_.emplace_back(begun, tokens_[static_cast<std::size_t>(i)]);
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

  std::span<const Node> nodes_;
  std::span<const Token> tokens_;
  const Automaton::State state_;
  const Automaton::State start_;
  const ByteSet& follow_;
  UnitTable table_;
  std::vector<std::pair<std::int32_t, Token>> found_;  // units begun, token
  CountedWalk walk_;
};

}  // namespace

TokenSet::TokenSet(TokenMask mask) {
  // A list of as many takes as long to add as the mask.
  if (mask.count() > std::ssize(mask.words())) {
    many_.push_back(std::move(mask));
  } else {
    mask.for_each([&](Token token) { few_.push_back(token); });
  }
}

void TokenSet::add_to(TokenMask& mask) const {
  for (const TokenMask& many : many_) mask.allow_all_of(many);
  for (const Token token : few_) mask.allow(token);
}

std::int64_t TokenSet::bytes() const {
  std::int64_t bytes = std::ssize(few_) * std::int64_t{sizeof(Token)};
  for (const TokenMask& many : many_) bytes += 8 * std::ssize(many.words());
  return bytes;
}

std::int64_t Walk::bytes() const {
  return 128 + tokens.bytes() + 4 * std::ssize(ends);
}

std::int64_t CountedWalk::bytes() const {
  return 128 + 8 * std::ssize(all.words()) + 4 * std::ssize(tokens) +
         4 * std::ssize(first) + 8 * std::ssize(ends);
}

Walk walk_from(const Automaton& automaton,
               const ConstraintVocabulary& vocabulary, Automaton::State state,
               const ByteSet& follow) {
  StackPool stacks;
  Walker walker(automaton, vocabulary, stacks);
  walker.walk_all(state, follow);
  return std::move(walker).result();
}

Walk walk_on(const Automaton& automaton, const ConstraintVocabulary& vocabulary,
             std::span<const std::int32_t> nodes, const Position& position,
             StackPool& stacks) {
  Walker walker(automaton, vocabulary, stacks);
  walker.walk(nodes, position, {});
  return std::move(walker).result();
}

CountedWalk walk_counted(const Automaton& automaton,
                         const ConstraintVocabulary& vocabulary,
                         Automaton::State state, const ByteSet& follow) {
  return CountedWalker(automaton, vocabulary, state, follow).run();
}

Walk with_counts(const CountedWalk& walk, std::int32_t min, std::int32_t max) {
  const std::int32_t most = max == Automaton::kUnlimited
                                ? std::numeric_limits<std::int32_t>::max()
                                : max;
  const std::size_t allowed =
      most + std::int64_t{1} < std::ssize(walk.first)
          ? static_cast<std::size_t>(
                walk.first[static_cast<std::size_t>(most) + 1])
          : walk.tokens.size();
  const std::span<const Token> tokens = walk.tokens;
  TokenMask mask(walk.all.vocab_size());
  if (allowed < tokens.size() / 2) {
    for (const Token token : tokens.first(allowed)) mask.allow(token);
  } else {
    mask = walk.all;
    for (const Token token : tokens.subspan(allowed)) mask.forbid(token);
  }
  Walk result{.tokens = TokenSet(std::move(mask))};
  for (const auto& [node, units] : walk.ends) {
    if (units >= min && units <= most) result.ends.push_back(node);
  }
  return result;
}

}  // namespace pilotfish
