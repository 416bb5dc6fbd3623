#ifndef PILOTFISH_CONSTRAINT_VOCABULARY_H_
#define PILOTFISH_CONSTRAINT_VOCABULARY_H_

#include <cstdint>
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
  // A node stands for the bytes on the way to it, the root, 0, for none. Nodes
  // lie in preorder. What lies directly below one lies side by side, since most
  // of it is looked at and left again.
  struct Child {
    std::int32_t node;
    std::uint8_t byte;  // the last one of the node
    bool is_plain;      // and so are all tokens from here on
  };
  // What lies below a node, the node left out.
  struct Below {
    // Bit k: tokens go on from the node with bytes of kind k (kind_of_byte). Of
    // kBroken: not all of that begins a text in UTF-8.
    std::uint64_t kinds;
    std::int32_t past_token;  // in preorder
    std::int32_t height;      // in bytes
  };
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

  std::int64_t nodes() const { return std::ssize(nodes_) - 1; }
  // Ascending by byte.
  std::span<const Child> children(std::int32_t node) const {
    const auto at = static_cast<std::size_t>(node);
    return std::span(children_).subspan(
        static_cast<std::size_t>(nodes_[at].first_child),
        static_cast<std::size_t>(nodes_[at + 1].first_child -
                                 nodes_[at].first_child));
  }
  const Below& below(std::int32_t node) const {
    return below_[static_cast<std::size_t>(node)];
  }
  // Those whose bytes lead to a node, and those that go on from there.
  std::span<const Token> tokens(std::int32_t node) const {
    return tokens_between(first_token(node), first_token(node + 1));
  }
  std::span<const Token> tokens_below(std::int32_t node) const {
    return tokens_between(first_token(node + 1), below(node).past_token);
  }
  // How many bytes the longest token has.
  std::int32_t longest() const { return longest_; }

  // Tokens that most texts in quotes can take: characters that JSON need not
  // escape.
  const TokenMask& plain_tokens() const { return plain_; }

  SharedWalks& shared_walks() const { return *shared_walks_; }

 private:
  struct Node {
    std::int32_t first_token;
    std::int32_t first_child;
  };

  std::int32_t first_token(std::int32_t node) const {
    return nodes_[static_cast<std::size_t>(node)].first_token;
  }
  std::span<const Token> tokens_between(std::int32_t first,
                                        std::int32_t past) const {
    return std::span(tokens_).subspan(static_cast<std::size_t>(first),
                                      static_cast<std::size_t>(past - first));
  }

  void build_trie();
  void find_plain_tokens();
  void find_below();

  std::string bytes_;                    // of all tokens
  std::vector<std::size_t> first_byte_;  // [size() + 1]
  std::vector<Node> nodes_;      // and one more, which ends the last one
  std::vector<Child> children_;  // node after node
  std::vector<Token> tokens_;    // node after node
  std::vector<Below> below_;     // [node]
  std::int32_t longest_ = 0;
  TokenMask plain_;
  std::unique_ptr<SharedWalks> shared_walks_;
};

// Kinds of bytes, below 64: a letter, a digit, what patterns often name, or
// some others together. What can begin, go on or end a character of several
// bytes is kMultibyte.
inline constexpr int kMultibyte = 62;
inline constexpr int kBroken = 63;   // see ConstraintVocabulary::Below
inline constexpr int kSpecial = 53;  // what plain characters are not
inline constexpr std::uint64_t kPlainKinds =
    ~(std::uint64_t{1} << kSpecial | std::uint64_t{1} << kBroken);
int kind_of_byte(std::uint8_t byte);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_VOCABULARY_H_
