#ifndef PILOTFISH_CONSTRAINT_VOCABULARY_H_
#define PILOTFISH_CONSTRAINT_VOCABULARY_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "constraint/token_mask.h"
#include "pilotfish/token.h"

namespace pilotfish {

class SharedWalks;

// The tokens of a model as bytes, in a trie. Thread-safe once constructed. It
// also keeps what constraints find out about it and other constraints can use,
// so those of one model should share one.
class ConstraintVocabulary {
 public:
  // A node stands for the bytes on the way to it. Nodes lie in preorder, so
  // that what lies below one ends before `end`, and siblings ascend by byte.
  struct Node {
    std::int32_t end;
    std::int32_t first_token;  // an index into tokens(); the next node's ends
    std::uint16_t depth;       // in bytes
    std::uint8_t byte;         // the last one
    std::uint8_t slices;       // those that hold all tokens from here on
  };
  // Slices are sets of tokens that most texts in quotes can take: characters
  // that JSON need not escape, up to so many. Slice i is bit i of Node::slices.
  static constexpr std::array<std::int32_t, 3> kSliceLengths = {
      6, 12, std::numeric_limits<std::int32_t>::max()};
  static constexpr std::size_t kMostBytes = 4096;  // of a token

  // `bytes[t]` is what token t adds to a text in its middle. It is empty for
  // special tokens, which only a grammar that names them allows, and for ids
  // without a text, which are never allowed; tokens longer than kMostBytes are
  // never allowed either.
  explicit ConstraintVocabulary(std::span<const std::string> bytes);
  ~ConstraintVocabulary();

  std::int64_t size() const { return std::ssize(first_byte_) - 1; }
  std::string_view bytes(Token token) const {
    const auto at = static_cast<std::size_t>(token);
    return std::string_view(bytes_).substr(
        first_byte_[at], first_byte_[at + 1] - first_byte_[at]);
  }

  // The root comes first. One node more than there are ends the last one.
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const Token> tokens() const { return tokens_; }

  const TokenMask& slice(std::size_t i) const { return slices_[i]; }

  SharedWalks& shared_walks() const { return *shared_walks_; }

 private:
  void build_trie();
  void find_slices();

  std::string bytes_;                    // of all tokens
  std::vector<std::size_t> first_byte_;  // [size() + 1]
  std::vector<Node> nodes_;
  std::vector<Token> tokens_;  // node after node
  std::vector<TokenMask> slices_;
  std::unique_ptr<SharedWalks> shared_walks_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_VOCABULARY_H_
