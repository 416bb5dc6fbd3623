#include "constraint/mask_maker.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kMostWalkBytes = std::int64_t{32} << 20;
constexpr std::int64_t kMostMaskBytes = std::int64_t{8} << 20;
// Where more can follow, it takes long to see that it is known, and it hardly
// ever is.
constexpr std::size_t kMostSharedStates = 200;

}  // namespace

std::size_t MaskMaker::HashRootKey::operator()(const RootKey& key) const {
  std::size_t hash = std::hash<ByteSet>()(key.follow);
  for (const std::int32_t part : {key.state, key.min, key.max}) {
    mix_into(hash, static_cast<std::uint32_t>(part));
  }
  return hash;
}

std::size_t MaskMaker::Text::HashRestKey::operator()(const RestKey& key) const {
  std::size_t hash = std::hash<const void*>()(key.walk.get());
  mix_into(hash, static_cast<std::uint32_t>(key.stack));
  return hash;
}

std::size_t MaskMaker::HashMaskKey::operator()(const MaskKey& key) const {
  std::size_t hash = key.walks.size();
  for (const auto& walk : key.walks) {
    mix_into(hash, std::hash<const void*>()(walk.get()));
  }
  for (const Token token : key.tokens) {
    mix_into(hash, static_cast<std::uint32_t>(token));
  }
  return hash;
}

MaskMaker::MaskMaker(std::shared_ptr<const Automaton> automaton,
                     std::shared_ptr<const ConstraintVocabulary> vocabulary)
    : automaton_(std::move(automaton)),
      vocabulary_(std::move(vocabulary)),
      root_walks_(kMostWalkBytes),
      masks_(kMostMaskBytes) {}

std::shared_ptr<const TokenMask> MaskMaker::mask(Text& text,
                                                 const Position& position) {
  MaskKey key;
  for (const Position::Item& item : position.items) {
    add_tokens(item.state, key.tokens);
    if (automaton_->table().byte_edges(item.state).empty()) continue;
    const std::shared_ptr<const Walk> walk = root_walk(text, item);
    key.walks.push_back(walk);
    if (walk->ends.empty() || item.stack == StackPool::kBottom) continue;
    key.walks.push_back(rest_of(text, walk, item.stack));
  }
  // The order is that of the states and stacks, which may differ where the
  // parts do not; then a mask is made twice.
  const std::shared_ptr<const MadeMask> made = masks_.get(key, [&] {
    MadeMask result{TokenMask(vocabulary_->size())};
    for (const auto& walk : key.walks) walk->tokens.add_to(result.mask);
    for (const Token token : key.tokens) result.mask.allow(token);
    return std::make_shared<const MadeMask>(std::move(result));
  });
  return {made, &made->mask};
}

void MaskMaker::add_tokens(Automaton::State state,
                           std::vector<Token>& tokens) const {
  for (const auto& edge : automaton_->table().symbol_edges(state)) {
    const Automaton::Symbol& symbol = automaton_->symbol(edge.symbol);
    if (symbol.kind == Automaton::Symbol::Kind::kToken && symbol.token >= 0 &&
        symbol.token < vocabulary_->size()) {
      tokens.push_back(symbol.token);
    }
  }
}

// What tokens that go on behind the end of a walk's rule find there.
std::shared_ptr<const Walk> MaskMaker::rest_of(
    Text& text, const std::shared_ptr<const Walk>& walk,
    StackPool::Id stack) const {
  return text.rests_.get({walk, stack}, [&] {
    const Position behind = Reader(*automaton_, text.stacks).after_rule(stack);
    return std::make_shared<const Walk>(
        walk_on(*automaton_, *vocabulary_, walk->ends, behind, text.stacks));
  });
}

std::shared_ptr<const Walk> MaskMaker::root_walk(Text& text,
                                                 const Position::Item& item) {
  RootKey key{item.state, item.min, item.max, {}};
  // More units than a token can begin are all the same.
  const std::int32_t most = vocabulary_->longest() + 2;
  key.min = std::min(key.min, most);
  if (key.max >= most) key.max = Automaton::kUnlimited;
  key.follow = follow_of(text, item);
  return root_walks_.get(key, [&] { return find_root_walk(key); });
}

// Where a rule can end and go on as well, or its units are counted, it could
// end at nearly every place of the vocabulary: then only those ends count that
// can be read on where it returns to.
ByteSet MaskMaker::follow_of(Text& text, const Position::Item& item) const {
  ByteSet follow;
  if (!automaton_->is_counted(item.state) &&
      automaton_->is_prefix_free(item.state)) {
    return follow.set();
  }
  const Position behind =
      Reader(*automaton_, text.stacks).after_rule(item.stack);
  for (const Position::Item& next : behind.items) {
    for (const auto& edge : automaton_->table().byte_edges(next.state)) {
      for (unsigned byte = edge.first; byte <= edge.last; ++byte) {
        follow.set(byte);
      }
    }
  }
  return follow;
}

std::shared_ptr<const Walk> MaskMaker::find_root_walk(
    const RootKey& key) const {
  if (automaton_->is_counted(key.state)) {
    return std::make_shared<const Walk>(
        with_counts(*vocabulary_, *counted_walk(key), key.min, key.max));
  }
  const auto find = [&] {
    return std::make_shared<const Walk>(
        walk_from(*automaton_, *vocabulary_, key.state, key.follow));
  };
  if (!automaton_->reads_bytes_alone(key.state)) return find();
  const auto residual =
      automaton_->table().residual_key(key.state, kMostSharedStates);
  if (!residual.has_value()) return find();
  return vocabulary_->shared_walks().walks.get(
      key.follow.to_string() + *residual, find);
}

std::shared_ptr<const CountedWalk> MaskMaker::counted_walk(
    const RootKey& key) const {
  const auto find = [&] {
    return std::make_shared<const CountedWalk>(
        walk_counted(*automaton_, *vocabulary_, key.state, key.follow));
  };
  const auto residual = [&](Automaton::State state) {
    return *automaton_->table().residual_key(
        state, static_cast<std::size_t>(Automaton::kMostStates));
  };
  const Automaton::State start = automaton_->unit_start(key.state);
  return vocabulary_->shared_walks().counted.get(
      (key.state != start ? residual(start) : "") + key.follow.to_string() +
          residual(key.state),
      find);
}

}  // namespace pilotfish
