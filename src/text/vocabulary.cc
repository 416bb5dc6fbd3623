#include "text/vocabulary.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "pilotfish/error.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

size_t hash_of(std::string_view text) {
  return std::hash<std::string_view>()(text);
}

std::uint32_t tag_of(size_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

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
  const size_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.id >= 0) return;
  slot = {static_cast<Token>(id), tag_of(hash)};
  ++used_slots_;
}

std::optional<Token> Vocabulary::find(std::string_view text) const {
  if (slots_.empty()) return std::nullopt;
  const Token id = slots_[slot_of(text, hash_of(text))].id;
  if (id < 0) return std::nullopt;
  return id;
}

// The slot that holds `text`, or the free one where it belongs.
size_t Vocabulary::slot_of(std::string_view text, size_t hash) const {
  const size_t mask = slots_.size() - 1;
  const std::uint32_t tag = tag_of(hash);
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id < 0) return i;
    if (slot.tag == tag && this->text(slot.id) == text) return i;
  }
}

void Vocabulary::grow_index(size_t slots) {
  if (slots <= slots_.size()) return;
  const std::vector<Slot> old = std::exchange(slots_, {});
  slots_.resize(slots);
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    const std::string& text = this->text(slot.id);
    slots_[slot_of(text, hash_of(text))] = slot;
  }
}

}  // namespace pilotfish
