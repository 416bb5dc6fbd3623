#include "constraint/matcher.h"

#include <mutex>
#include <utility>

#include "constraint/mask_maker.h"

namespace pilotfish {

// What a text's positions and its forks have in common. It lives as long as one
// of the text's states, so that a server's memory does not grow.
struct Matcher::State::Text {
  std::mutex mutex;
  MaskMaker::Text masks;
};

Matcher::State::State(std::shared_ptr<Text> text, Position position)
    : text_(std::move(text)),
      position_(std::make_shared<const Position>(std::move(position))) {}

Matcher::Matcher(std::shared_ptr<const Automaton> automaton,
                 std::shared_ptr<const ConstraintVocabulary> vocabulary)
    : automaton_(std::move(automaton)),
      vocabulary_(std::move(vocabulary)),
      masks_(std::make_unique<MaskMaker>(automaton_, vocabulary_)) {}

Matcher::~Matcher() = default;

Matcher::State Matcher::begin() const {
  auto text = std::make_shared<State::Text>();
  Position position = Reader(*automaton_, text->masks.stacks)
                          .enter(automaton_->start(), StackPool::kBottom);
  return {std::move(text), std::move(position)};
}

bool Matcher::advance(State& state, Token token) const {
  if (token < 0 || token >= vocabulary_->size()) return false;
  const std::lock_guard lock(state.text_->mutex);
  Reader reader(*automaton_, state.text_->masks.stacks);
  Position next = reader.after_token(*state.position_, token);
  const std::string_view bytes = vocabulary_->bytes(token);
  if (!bytes.empty() && bytes.size() <= ConstraintVocabulary::kMostBytes) {
    Position read = *state.position_;
    for (const char byte : bytes) {
      read = reader.after_byte(read, static_cast<std::uint8_t>(byte));
    }
    next = next.is_dead() ? std::move(read) : reader.unite(next, read);
  }
  if (next.is_dead()) return false;
  state.position_ = std::make_shared<const Position>(std::move(next));
  return true;
}

bool Matcher::may_end(const State& state) const {
  return state.position_->ends;
}

std::shared_ptr<const TokenMask> Matcher::mask(const State& state) const {
  const std::lock_guard lock(state.text_->mutex);
  return masks_->mask(state.text_->masks, *state.position_);
}

std::string Matcher::forced_bytes(const State& state, std::int64_t most) const {
  const std::lock_guard lock(state.text_->mutex);
  Reader reader(*automaton_, state.text_->masks.stacks);
  Position position = *state.position_;
  std::string bytes;
  while (std::ssize(bytes) < most && !position.ends) {
    std::optional<std::uint8_t> forced;
    for (const Position::Item& item : position.items) {
      const auto edges = automaton_->table().byte_edges(item.state);
      if (edges.size() != 1 || edges.front().first != edges.front().last ||
          forced.value_or(edges.front().first) != edges.front().first ||
          automaton_->reads_tokens(item.state)) {
        return bytes;
      }
      forced = edges.front().first;
    }
    if (!forced.has_value()) break;
    bytes += static_cast<char>(*forced);
    position = reader.after_byte(position, *forced);
  }
  return bytes;
}

std::optional<Token> Matcher::forced_token(const State& state) const {
  std::optional<Token> forced;
  if (state.position_->ends) return forced;
  for (const Position::Item& item : state.position_->items) {
    if (!automaton_->table().byte_edges(item.state).empty()) return {};
    for (const auto& edge : automaton_->table().symbol_edges(item.state)) {
      const Automaton::Symbol& symbol = automaton_->symbol(edge.symbol);
      if (symbol.kind != Automaton::Symbol::Kind::kToken) continue;
      if (forced.value_or(symbol.token) != symbol.token) return {};
      forced = symbol.token;
    }
  }
  return forced;
}

}  // namespace pilotfish
