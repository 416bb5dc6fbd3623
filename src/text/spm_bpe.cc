#include "text/spm_bpe.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <numeric>
#include <unordered_map>

#include "pilotfish/error.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

// Equal scores get equal ranks, so that position decides between them.
std::vector<std::uint32_t> ranks_by_score(const std::vector<float>& scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, std::greater(), [&](size_t i) { return scores[i]; });
  std::vector<std::uint32_t> ranks(scores.size());
  for (size_t i = 1; i < order.size(); ++i) {
    const bool same = scores[order[i]] == scores[order[i - 1]];
    ranks[order[i]] = ranks[order[i - 1]] + (same ? 0 : 1);
  }
  return ranks;
}

}  // namespace

SpmBpeModel::SpmBpeModel(std::shared_ptr<const Vocabulary> vocabulary,
                         const SpmPieces& pieces)
    : vocabulary_(std::move(vocabulary)),
      pieces_(vocabulary_->size()),
      user_defined_(vocabulary_->size()),
      unknown_(pieces.unknown) {
  assert(pieces.scores.size() == pieces.types.size());
  const auto odd =
      std::ranges::find_if(pieces.scores, [](float s) { return s != s; });
  if (odd != pieces.scores.end()) {
    throw Error(fmt::format("the score of token {} is not a number",
                            odd - pieces.scores.begin()));
  }
  const auto ranks = ranks_by_score(pieces.scores);
  std::vector<std::pair<std::string, Token>> user_defined;
  bytes_.fill(-1);
  bool inner_blank = false;
  for (size_t i = 0; i < pieces.types.size() && i < pieces_.size(); ++i) {
    const auto id = static_cast<Token>(i);
    const std::string& text = vocabulary_->text(id);
    const PieceType type = pieces.types[i];
    if (type == PieceType::kByte) {
      const int byte = byte_of_token_text(text);
      if (byte >= 0) bytes_[static_cast<size_t>(byte)] = id;
    }
    if (type == PieceType::kUserDefined) {
      user_defined_[i] = true;
      user_defined.emplace_back(text, id);
    }
    if (type != PieceType::kNormal && type != PieceType::kUserDefined &&
        type != PieceType::kUnused) {
      continue;
    }
    pieces_[i] = {ranks[i], true, type == PieceType::kUnused};
    has_unused_ |= type == PieceType::kUnused;
    longest_ = std::max(longest_, text.size());
    inner_blank |= has_inner_blank(text);
  }
  user_defined_pieces_ = PhraseMatcher(std::move(user_defined));
  cuts_before_blank_ = !inner_blank && find(kBlank) >= 0;
}

Token SpmBpeModel::find(std::string_view text) const {
  if (text.size() > longest_) return -1;
  const Token id = vocabulary_->find(text).value_or(-1);
  return id >= 0 && pieces_[static_cast<size_t>(id)].usable ? id : -1;
}

void SpmBpeModel::encode(std::string_view piece, MergeLoop& loop,
                         std::vector<Token>& out) const {
  const size_t first = out.size();
  loop.clear();
  size_t begin = 0;
  while (const auto match = user_defined_pieces_.find(piece, begin)) {
    add_characters(piece, begin, match->begin, loop);
    loop.add(match->begin, match->end, match->token);
    begin = match->end;
  }
  add_characters(piece, begin, piece.size(), loop);

  const auto text_of = [&](size_t from, size_t to) {
    return piece.substr(from, to - from);
  };
  // How each unused piece was put together, to take it apart again.
  std::unordered_map<Token, std::pair<std::string_view, std::string_view>>
      halves;
  const auto is_user_defined = [&](const Symbol& symbol) {
    return symbol.id >= 0 && user_defined_[static_cast<size_t>(symbol.id)];
  };
  loop.run(
      [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
        if (is_user_defined(left) || is_user_defined(right))
          return std::nullopt;
        const Token id = find(text_of(left.begin, right.end));
        if (id < 0) return std::nullopt;
        const Mergeable& merged = pieces_[static_cast<size_t>(id)];
        if (merged.unused) {
          halves[id] = {text_of(left.begin, left.end),
                        text_of(right.begin, right.end)};
        }
        return Merge{merged.rank, id};
      });

  std::vector<std::string_view> rest;  // parts still to be emitted, last first
  loop.for_each([&](const Symbol& symbol) {
    if (!has_unused_) {
      emit(text_of(symbol.begin, symbol.end), symbol.id, first, out);
      return;
    }
    rest.push_back(text_of(symbol.begin, symbol.end));
    while (!rest.empty()) {
      const std::string_view text = rest.back();
      rest.pop_back();
      const Token id = find(text);
      const auto split = halves.find(id);
      if (split == halves.end()) {
        emit(text, id, first, out);
      } else {
        rest.push_back(split->second.second);
        rest.push_back(split->second.first);
      }
    }
  });
}

void SpmBpeModel::add_characters(std::string_view piece, size_t begin,
                                 size_t end, MergeLoop& loop) const {
  while (begin < end) {
    const size_t length = std::max<size_t>(
        utf8_character_length(piece.substr(begin, end - begin)), 1);
    loop.add(begin, begin + length, find(piece.substr(begin, length)));
    begin += length;
  }
}

// A text without a piece becomes its bytes, or one unknown piece for a run.
// `first` is where the tokens of the whole text begin in `out`.
void SpmBpeModel::emit(std::string_view text, Token id, size_t first,
                       std::vector<Token>& out) const {
  if (id >= 0) {
    out.push_back(id);
    return;
  }
  const auto token_of = [&](char byte) {
    return bytes_[static_cast<unsigned char>(byte)];
  };
  if (std::ranges::all_of(text, [&](char c) { return token_of(c) >= 0; })) {
    for (const char byte : text) out.push_back(token_of(byte));
    return;
  }
  if (!is_valid_utf8(text)) id = find(kReplacementCharacter);
  if (id < 0) id = unknown_;
  const bool repeated = out.size() > first && out.back() == unknown_;
  if (id >= 0 && !(id == unknown_ && repeated)) out.push_back(id);
}

}  // namespace pilotfish
