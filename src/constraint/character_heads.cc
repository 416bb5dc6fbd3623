#include "constraint/character_heads.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using Kind = Grammar::Kind;
using Ranges = std::vector<CodePointRange>;

constexpr std::size_t kMostHeads = std::size_t{1} << 14;
constexpr int kMostSteps = 1000;  // into expressions inside each other

// One way to begin, in bytes.
struct ByteHead {
  ByteSet bytes;
  std::optional<Token> token;
  Pieces rest;
};

Pieces joined(Pieces front, std::span<const Piece> back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

class ByteHeadFinder {
 public:
  explicit ByteHeadFinder(const Grammar& grammar) : grammar_(grammar) {}

  std::vector<ByteHead> find(const Pieces& pieces) {
    visit(pieces, 0);
    return std::move(heads_);
  }

 private:
  void visit(const Pieces& pieces, int steps) {
    if (pieces.empty() || !seen_.insert(pieces).second) return;
    if (steps > kMostSteps || seen_.size() > kMostHeads) {
      throw UsageError("the grammar is too intricate to be written as GBNF");
    }
    const Piece& first = pieces.front();
    const std::span<const Piece> rest = std::span(pieces).subspan(1);
    if (!first.once()) return visit_repeat(first, rest, steps);
    const Grammar::Node& node = grammar_.node(first.expr);
    switch (node.kind) {
      case Kind::kNothing:
        return;
      case Kind::kEmpty:
        return visit(joined({}, rest), steps + 1);
      case Kind::kBytes:
        return heads_.push_back({node.bytes, {}, joined({}, rest)});
      case Kind::kToken:
        return heads_.push_back({{}, node.token, joined({}, rest)});
      case Kind::kSequence: {
        Pieces parts;
        for (const Grammar::Expr part : node.parts) parts.push_back({part});
        return visit(joined(std::move(parts), rest), steps + 1);
      }
      case Kind::kChoice:
        for (const Grammar::Expr part : node.parts) {
          visit(joined({{part}}, rest), steps + 1);
        }
        return;
      case Kind::kRepeat:
        return visit(joined({{node.parts[0], node.min, node.max}}, rest),
                     steps + 1);
      case Kind::kCall:
        return visit(joined({{grammar_.body(node.rule)}}, rest), steps + 1);
      case Kind::kTable:
        return;  // grammars that are written have none
    }
  }

  void visit_repeat(const Piece& repeat, std::span<const Piece> rest,
                    int steps) {
    if (repeat.min == 0) visit(joined({}, rest), steps + 1);
    if (repeat.max == 0) return;
    Pieces rounds = {{repeat.expr}};
    Piece others = repeat;
    others.min = std::max<std::int64_t>(repeat.min - 1, 0);
    if (others.max != Grammar::kUnlimited) --others.max;
    if (others.max != 0) rounds.push_back(others);
    visit(joined(std::move(rounds), rest), steps + 1);
  }

  const Grammar& grammar_;
  std::vector<ByteHead> heads_;
  std::set<Pieces> seen_;
};

// How many bytes a character has that begins with this one.
std::size_t length_of(std::size_t lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// Numbers of `bits` bits behind what the bytes stand for, where every byte
// stands for those of its bits that `mask` leaves: {[A8-A9]} before {0 to 63}
// is {40 << 6 to (41 << 6) + 63}.
Ranges behind_bytes(const ByteSet& bytes, unsigned mask, const Ranges& behind,
                    int bits) {
  Ranges all;
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
    if (!bytes[byte]) continue;
    const auto high = static_cast<char32_t>(byte & mask) << bits;
    for (const auto& [first, last] : behind) {
      if (!all.empty() && all.back().last + 1 == (high | first)) {
        all.back().last = high | last;
      } else {
        all.push_back({high | first, high | last});
      }
    }
  }
  return all;
}

// The code points of characters of which some bytes were read.
struct Tail {
  Ranges characters;
  Pieces rest;
};

class CharacterHeadFinder {
 public:
  explicit CharacterHeadFinder(const Grammar& grammar) : grammar_(grammar) {}

  std::vector<CharacterHead> find(const Pieces& pieces) {
    for (const ByteHead& head : byte_heads(pieces)) {
      if (head.token) {
        heads_.push_back({{}, head.token, head.rest});
        continue;
      }
      for (std::size_t length = 1; length <= 4; ++length) {
        ByteSet leads;
        for (std::size_t byte = 0; byte < leads.size(); ++byte) {
          leads[byte] = head.bytes[byte] && length_of(byte) == length;
        }
        if (leads.any()) add(leads, length, head.rest);
      }
    }
    return std::move(heads_);
  }

 private:
  std::vector<ByteHead> byte_heads(const Pieces& pieces) const {
    return ByteHeadFinder(grammar_).find(pieces);
  }

  void add(const ByteSet& leads, std::size_t length, const Pieces& rest) {
    constexpr std::array<unsigned, 5> kLeadBits = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const int bits = 6 * static_cast<int>(length - 1);
    for (Tail& tail : tails(rest, length - 1)) {
      const Ranges characters =
          behind_bytes(leads, kLeadBits[length], tail.characters, bits);
      const auto [place, is_new] =
          by_rest_.try_emplace(std::move(tail.rest), heads_.size());
      if (is_new) heads_.push_back({{}, {}, place->first});
      auto& all = heads_[place->second].characters;
      all.insert(all.end(), characters.begin(), characters.end());
    }
  }

  std::vector<Tail> tails(const Pieces& pieces, std::size_t length) const {
    if (length == 0) return {{{{0, 0}}, pieces}};
    std::vector<Tail> all;
    for (const ByteHead& head : byte_heads(pieces)) {
      for (Tail& tail : tails(head.rest, length - 1)) {
        all.push_back({behind_bytes(head.bytes, 0x3F, tail.characters,
                                    6 * static_cast<int>(length - 1)),
                       std::move(tail.rest)});
      }
      if (all.size() > kMostHeads) {
        throw UsageError("the grammar is too intricate to be written as GBNF");
      }
    }
    return all;
  }

  const Grammar& grammar_;
  std::vector<CharacterHead> heads_;
  std::map<Pieces, std::size_t> by_rest_;  // places in heads_
};

}  // namespace

std::vector<CodePointRange> ascii_ranges(const ByteSet& bytes) {
  ByteSet ascii = bytes;
  for (std::size_t byte = 0x80; byte < ascii.size(); ++byte) ascii.reset(byte);
  return behind_bytes(ascii, 0x7F, {{0, 0}}, 0);
}

std::vector<CharacterHead> character_heads(const Grammar& grammar,
                                           const Pieces& pieces) {
  return CharacterHeadFinder(grammar).find(pieces);
}

}  // namespace pilotfish
