#ifndef PILOTFISH_TEXT_BPE_H_
#define PILOTFISH_TEXT_BPE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/token_model.h"

namespace pilotfish {

// The merge of two tokens, by pair. Open addressing over a power of two of
// slots; immutable once filled, then thread-safe.
class MergeTable {
 public:
  explicit MergeTable(size_t count);
  // A pair already there keeps its first merge. Requires at most `count` calls.
  void add(Token left, Token right, Merge merge);
  const Merge* find(Token left, Token right) const;

 private:
  struct Slot {
    std::uint64_t pair = kFree;
    Merge merge;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};
  static std::uint64_t key(Token left, Token right);
  size_t slot_of(std::uint64_t pair) const;

  std::vector<Slot> slots_;
};

struct BpeOptions {
  // A piece that is a token as a whole is that token, whatever the merges say.
  bool ignore_merges = false;
  // Characters without a token become "<0xXX>" byte tokens.
  bool byte_fallback = false;
  // The token that else stands for a character without one; -1: it is dropped.
  Token unknown = -1;
  bool fuse_unknown = false;  // one token for a run of them
};

// The two sides of a merge that is written "left right"; nothing where there is
// not exactly one space.
std::optional<std::pair<std::string_view, std::string_view>> split_merge(
    std::string_view line);

// Byte-pair encoding driven by an ordered list of merges, as the "BPE" model of
// tokenizer.json has it.
class BpeModel : public TokenModel {
 public:
  using Pair = std::pair<std::string_view, std::string_view>;

  // `merges` by rank. `usable` tells by id which tokens of the vocabulary are
  // the model's own, rather than added to it. Throws Error where a merge names
  // a token that is not there.
  BpeModel(std::shared_ptr<const Vocabulary> vocabulary,
           std::vector<bool> usable, const std::vector<Pair>& merges,
           BpeOptions options);

  void encode(std::string_view piece, MergeLoop& loop,
              std::vector<Token>& out) const override;
  bool cuts_before_blank() const override { return cuts_before_blank_; }

 private:
  Token find(std::string_view text) const;
  Token find_character(std::string_view character) const;
  void add_symbols(std::string_view piece, MergeLoop& loop) const;
  bool add_bytes(std::string_view piece, size_t begin, size_t length,
                 MergeLoop& loop) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<bool> usable_;
  MergeTable merges_;
  BpeOptions options_;
  std::array<Token, 256> bytes_;
  std::vector<Token> characters_;  // by code point, for the common ones
  bool cuts_before_blank_ = false;
};

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_BPE_H_
