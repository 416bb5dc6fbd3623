#include "text/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "pilotfish/error.h"
#include "text/quoted_text.h"

namespace pilotfish {

void Vocabulary::reserve(size_t count) {
  texts_.reserve(count);
  grow_index(std::bit_ceil(std::max<size_t>(16, 2 * count)));
}

void Vocabulary::add(std::int64_t id, std::string_view text) {
  if (id < 0 || id >= kMaxVocabularySize) {
    throw Error(fmt::format("token {} has id {}, expected 0 to {}",
                            quoted_text(text), id, kMaxVocabularySize - 1));
  }
  const auto index = static_cast<size_t>(id);
  if (index >= texts_.size()) texts_.resize(index + 1);
  if (!texts_[index].empty()) {
    if (texts_[index] == text) return;
    throw Error(fmt::format("id {} has two texts, {} and {}", id,
                            quoted_text(texts_[index]), quoted_text(text)));
  }
  if (text.empty()) return;
  texts_[index] = text;
  if (2 * (used_slots_ + 1) > slots_.size()) {
    grow_index(std::max<size_t>(16, 2 * slots_.size()));
  }
  const size_t slot = slot_of(text);
  if (slots_[slot] >= 0) return;
  slots_[slot] = static_cast<Token>(id);
  ++used_slots_;
}

std::optional<Token> Vocabulary::find(std::string_view text) const {
  if (slots_.empty()) return std::nullopt;
  const Token id = slots_[slot_of(text)];
  if (id < 0) return std::nullopt;
  return id;
}

// The slot that holds `text`, or the free one where it belongs.
size_t Vocabulary::slot_of(std::string_view text) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = std::hash<std::string_view>()(text) & mask;
  while (slots_[slot] >= 0 && this->text(slots_[slot]) != text) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void Vocabulary::grow_index(size_t slots) {
  if (slots <= slots_.size()) return;
  const std::vector<Token> old = std::exchange(slots_, {});
  slots_.assign(slots, -1);
  for (const Token id : old) {
    if (id >= 0) slots_[slot_of(text(id))] = id;
  }
}

}  // namespace pilotfish
