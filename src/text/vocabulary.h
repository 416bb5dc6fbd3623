#ifndef PILOTFISH_TEXT_VOCABULARY_H_
#define PILOTFISH_TEXT_VOCABULARY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// The largest vocabularies in use have 262,144 entries; ids from a file are
// bounded so that one absurd id cannot ask for gigabytes.
inline constexpr Token kMaxVocabularySize = 1 << 21;

// Token texts by id, and ids by text. Ids without a text are unused and have
// the empty one. Thread-safe once filled.
class Vocabulary {
 public:
  void reserve(size_t count);

  // Throws Error where `id` lies outside [0, kMaxVocabularySize) or already has
  // another text; giving it the same text again changes nothing. A text that
  // two ids have is found under the one added first.
  void add(std::int64_t id, std::string_view text);

  // One past the largest id.
  size_t size() const { return texts_.size(); }
  // Requires 0 <= id < size().
  const std::string& text(Token id) const {
    return texts_[static_cast<size_t>(id)];
  }
  std::optional<Token> find(std::string_view text) const;

 private:
  struct Slot {
    Token id = -1;          // -1: free
    std::uint32_t tag = 0;  // other bits of the hash, to compare texts seldom
  };
  size_t slot_of(std::string_view text, size_t hash) const;
  void grow_index(size_t slots);

  std::vector<std::string> texts_;
  // Open addressing with linear probing; a power of two of slots, at most half
  // of them full.
  std::vector<Slot> slots_;
  size_t used_slots_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_VOCABULARY_H_
