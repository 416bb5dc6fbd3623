#include "text/bpe.h"

#include <fmt/core.h>

#include <bit>
#include <cassert>

#include "pilotfish/error.h"
#include "text/unicode_form.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

// Covers Latin to Hebrew and Arabic, and U+2581.
constexpr char32_t kDirectCharacters = 0x2600;

}  // namespace

MergeTable::MergeTable(size_t count)
    : slots_(std::bit_ceil(count + count / 2 + 2)) {}

std::uint64_t MergeTable::key(Token left, Token right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 |
         static_cast<std::uint32_t>(right);
}

size_t MergeTable::slot_of(std::uint64_t pair) const {
  // Fibonacci hashing; the high bits of the product are the mixed ones.
  const size_t mask = slots_.size() - 1;
  size_t slot = ((pair ^ pair >> 29) * 0x9E3779B97F4A7C15u >> 32) & mask;
  while (slots_[slot].pair != pair && slots_[slot].pair != kFree) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void MergeTable::add(Token left, Token right, Merge merge) {
  Slot& slot = slots_[slot_of(key(left, right))];
  if (slot.pair == kFree) slot = {key(left, right), merge};
}

const Merge* MergeTable::find(Token left, Token right) const {
  const Slot& slot = slots_[slot_of(key(left, right))];
  return slot.pair == kFree ? nullptr : &slot.merge;
}

std::optional<std::pair<std::string_view, std::string_view>> split_merge(
    std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos ||
      line.find(' ', space + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return std::pair(line.substr(0, space), line.substr(space + 1));
}

BpeModel::BpeModel(std::shared_ptr<const Vocabulary> vocabulary,
                   std::vector<bool> usable, const std::vector<Pair>& merges,
                   BpeOptions options)
    : vocabulary_(std::move(vocabulary)),
      usable_(std::move(usable)),
      merges_(merges.size()),
      options_(options),
      bytes_(byte_tokens(*vocabulary_)) {
  usable_.resize(vocabulary_->size());
  cuts_before_blank_ = find(kBlank) >= 0;
  std::string joined;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view left = merges[rank].first;
    const std::string_view right = merges[rank].second;
    const auto id_of = [&](std::string_view text) {
      const Token id = find(text);
      if (id >= 0) return id;
      throw Error(fmt::format(
          "merge {} of {} and {}: {} is not in the vocabulary", rank,
          quoted_text(left), quoted_text(right), quoted_text(text)));
    };
    joined.assign(left).append(right);
    merges_.add(id_of(left), id_of(right),
                {static_cast<std::uint32_t>(rank), id_of(joined)});
    if (has_inner_blank(joined)) cuts_before_blank_ = false;
  }
  for (size_t id = 0; options_.ignore_merges && id < usable_.size(); ++id) {
    if (usable_[id] &&
        has_inner_blank(vocabulary_->text(static_cast<Token>(id)))) {
      cuts_before_blank_ = false;
    }
  }
  characters_.assign(kDirectCharacters, -1);
  for (char32_t c = 0; c < kDirectCharacters; ++c) {
    std::string text;
    append_utf8(c, text);
    characters_[c] = find(text);
  }
}

Token BpeModel::find(std::string_view text) const {
  const Token id = vocabulary_->find(text).value_or(-1);
  return id >= 0 && usable_[static_cast<size_t>(id)] ? id : -1;
}

Token BpeModel::find_character(std::string_view character) const {
  const char32_t code_point = utf8_code_point(character);
  return code_point < kDirectCharacters ? characters_[code_point]
                                        : find(character);
}

void BpeModel::encode(std::string_view piece, MergeLoop& loop,
                      std::vector<Token>& out) const {
  if (options_.ignore_merges) {
    if (const Token whole = find(piece); whole >= 0) {
      out.push_back(whole);
      return;
    }
  }
  loop.clear();
  add_symbols(piece, loop);
  loop.run(
      [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
        const Merge* merge = merges_.find(left.id, right.id);
        if (merge == nullptr) return std::nullopt;
        return *merge;
      });
  loop.for_each([&](const Symbol& symbol) { out.push_back(symbol.id); });
}

void BpeModel::add_symbols(std::string_view piece, MergeLoop& loop) const {
  size_t unknown_begin = piece.size();  // of a run that is still growing
  const auto end_unknown = [&](size_t end) {
    if (unknown_begin < end) loop.add(unknown_begin, end, options_.unknown);
    unknown_begin = piece.size();
  };
  for (size_t begin = 0; begin < piece.size();) {
    // A byte that is no UTF-8 is a character without a token.
    const size_t whole = utf8_character_length(piece.substr(begin));
    const size_t length = std::max<size_t>(whole, 1);
    const std::string_view character = piece.substr(begin, length);
    Token id = whole > 0 ? find_character(character) : -1;
    if (id < 0 && options_.byte_fallback) {
      end_unknown(begin);
      if (add_bytes(piece, begin, length, loop)) {
        begin += length;
        continue;
      }
    }
    if (id < 0 && whole == 0) id = find(kReplacementCharacter);
    if (id >= 0) {
      end_unknown(begin);
      loop.add(begin, begin + length, id);
    } else if (options_.unknown >= 0) {
      if (!options_.fuse_unknown) end_unknown(begin);
      unknown_begin = std::min(unknown_begin, begin);
    }
    begin += length;
  }
  end_unknown(piece.size());
}

// Adds the byte tokens of a character, or nothing where one of them is missing.
bool BpeModel::add_bytes(std::string_view piece, size_t begin, size_t length,
                         MergeLoop& loop) const {
  const auto token_at = [&](size_t i) {
    return bytes_[static_cast<unsigned char>(piece[i])];
  };
  for (size_t i = begin; i < begin + length; ++i) {
    if (token_at(i) < 0) return false;
  }
  for (size_t i = begin; i < begin + length; ++i) {
    loop.add(i, i + 1, token_at(i));
  }
  return true;
}

}  // namespace pilotfish
