#ifndef PILOTFISH_CONSTRAINT_TOKEN_MASK_H_
#define PILOTFISH_CONSTRAINT_TOKEN_MASK_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// A set of a vocabulary's tokens, a bit for each.
class TokenMask {
 public:
  // The empty set.
  explicit TokenMask(std::int64_t vocab_size)
      : vocab_size_(vocab_size),
        words_(static_cast<std::size_t>((vocab_size + 63) / 64), 0) {}

  std::int64_t vocab_size() const { return vocab_size_; }
  // Requires: 0 <= token < vocab_size().
  bool allows(Token token) const {
    const auto at = static_cast<std::size_t>(token);
    return ((words_[at / 64] >> (at % 64)) & 1) != 0;
  }
  void allow(Token token) {
    const auto at = static_cast<std::size_t>(token);
    words_[at / 64] |= std::uint64_t{1} << (at % 64);
  }
  void forbid(Token token) {
    const auto at = static_cast<std::size_t>(token);
    words_[at / 64] &= ~(std::uint64_t{1} << (at % 64));
  }
  // Requires a mask of the same vocabulary.
  void allow_all_of(const TokenMask& other) {
    for (std::size_t i = 0; i < words_.size(); ++i)
      words_[i] |= other.words_[i];
  }

  std::int64_t count() const {
    std::int64_t count = 0;
    for (const std::uint64_t word : words_) count += std::popcount(word);
    return count;
  }
  // Calls `visit` with each token, in ascending order.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
        visit(static_cast<Token>(
            64 * i + static_cast<std::size_t>(std::countr_zero(word))));
      }
    }
  }
  // Token t is bit t % 64 of word t / 64; bits beyond the vocabulary are 0.
  std::span<const std::uint64_t> words() const { return words_; }

  bool operator==(const TokenMask&) const = default;

 private:
  std::int64_t vocab_size_;
  std::vector<std::uint64_t> words_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_TOKEN_MASK_H_
