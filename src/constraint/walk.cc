#include "constraint/walk.h"

#include <algorithm>
#include <utility>

#include "constraint/runs.h"
#include "constraint/trie_walk.h"
#include "constraint/walk_tables.h"

namespace pilotfish {
namespace {

// Walks through the places of a table: states or positions.
template <typename Table>
class Walker {
 public:
  using Place = std::int32_t;

  // The rule's ends count where `follow` has a byte that comes next.
  Walker(const ConstraintVocabulary& vocabulary, Table& table,
         const ByteSet& follow)
      : vocabulary_(vocabulary), follow_(follow), table_(table), runs_(table) {}

  // Walks below some nodes.
  void walk(std::span<const std::int32_t> roots, Place start) {
    for (const std::int32_t root : roots) walk_from_node(root, start, false);
  }

  // Walks the whole trie, but for plain tokens where they can follow.
  void walk_all(Place start, bool takes_plain_text) {
    takes_plain_tokens_ = takes_plain_text;
    walk_from_node(0, start, takes_plain_text);
  }

  Walk result() && {
    return {.tokens =
                TokenSet(vocabulary_, takes_plain_tokens_, std::move(tokens_)),
            .ends = std::move(ends_)};
  }

 private:
  void walk_from_node(std::int32_t root, Place start, bool skips_plain_tokens) {
    walk_below(
        vocabulary_, root, skips_plain_tokens, start, levels_,
        [&](Place from, std::uint8_t byte) { return table_.next(from, byte); },
        [](Place to) { return to == Table::kDeadPlace; },
        [&](std::int32_t node, Place at) { return visit(node, at); });
  }

  // Returns whether to go on below the node: not where all tokens are taken.
  bool visit(std::int32_t node, Place place) {
    const std::span<const Token> its = vocabulary_.tokens(node);
    tokens_.insert(tokens_.end(), its.begin(), its.end());
    if (table_.ends(place) && goes_on(node)) ends_.push_back(node);
    const std::span<const Token> below = vocabulary_.tokens_below(node);
    if (below.empty()) return false;
    const auto& [kinds, past_token, height] = vocabulary_.below(node);
    const bool is_read = std::ssize(below) < kFewTokens
                             ? runs_.surely_reads_all(place, kinds, height)
                             : runs_.reads_all(place, kinds, height);
    if (!is_read) return true;
    tokens_.insert(tokens_.end(), below.begin(), below.end());
    return false;
  }

  // Whether a byte of `follow` comes next below a node.
  bool goes_on(std::int32_t node) const {
    return std::ranges::any_of(
        vocabulary_.children(node),
        [&](const auto& child) { return follow_[child.byte]; });
  }

  static constexpr std::int64_t kFewTokens = 8;

  const ConstraintVocabulary& vocabulary_;
  const ByteSet& follow_;
  Table& table_;
  Runs<Table> runs_;
  std::vector<TrieLevel<Place>> levels_;
  bool takes_plain_tokens_ = false;
  std::vector<Token> tokens_;  // beside the plain ones, which may be among them
  std::vector<std::int32_t> ends_;
};

}  // namespace

TokenSet::TokenSet(const ConstraintVocabulary& vocabulary,
                   bool has_plain_tokens, std::vector<Token> others)
    : plain_(has_plain_tokens ? &vocabulary.plain_tokens() : nullptr),
      others_(std::move(others)) {
  // A list of as many takes as long to add as the mask.
  if (64 * std::ssize(others_) <= vocabulary.size()) return;
  mask_.emplace_back(vocabulary.size());
  add_to(mask_.front());
  plain_ = nullptr;
  others_ = {};
}

void TokenSet::add_to(TokenMask& mask) const {
  if (plain_ != nullptr) mask.allow_all_of(*plain_);
  for (const TokenMask& own : mask_) mask.allow_all_of(own);
  for (const Token token : others_) mask.allow(token);
}

std::int64_t TokenSet::bytes() const {
  std::int64_t bytes = std::ssize(others_) * std::int64_t{sizeof(Token)};
  for (const TokenMask& mask : mask_) bytes += 8 * std::ssize(mask.words());
  return bytes;
}

Walk walk_from(const Automaton& automaton,
               const ConstraintVocabulary& vocabulary, Automaton::State state,
               const ByteSet& follow) {
  const bool is_plain = automaton.takes_plain_text(state);
  if (automaton.reads_bytes_alone(state)) {
    StateTable table(automaton);
    Walker walker(vocabulary, table, follow);
    walker.walk_all(state, is_plain);
    return std::move(walker).result();
  }
  StackPool stacks;
  PositionTable table(automaton, stacks);
  Walker walker(vocabulary, table, follow);
  walker.walk_all(table.id_of({.items = {{state, 0, 0, StackPool::kBottom}}}),
                  is_plain);
  return std::move(walker).result();
}

Walk walk_on(const Automaton& automaton, const ConstraintVocabulary& vocabulary,
             std::span<const std::int32_t> nodes, const Position& position,
             StackPool& stacks) {
  PositionTable table(automaton, stacks);
  const ByteSet no_follow;
  Walker walker(vocabulary, table, no_follow);
  walker.walk(nodes, table.id_of(position));
  return std::move(walker).result();
}

}  // namespace pilotfish
