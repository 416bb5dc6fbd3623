#include "constraint/anchored.h"

#include <algorithm>
#include <utility>

#include "constraint/code_points.h"

namespace pilotfish {
namespace {

using Texts = Anchored::Texts;

constexpr std::size_t kPlain = 0;
constexpr std::size_t kBegin = Anchored::kNothingBefore;
constexpr std::size_t kEnd = Anchored::kNothingBehind;
constexpr std::size_t kBoth = kBegin | kEnd;

// A bound of a repetition, less the rounds that something else takes.
std::int64_t without(std::int64_t rounds, std::int64_t bound) {
  if (bound == Grammar::kUnlimited) return bound;
  return std::max<std::int64_t>(bound - rounds, 0);
}

}  // namespace

bool Anchored::is_plain() const {
  return std::all_of(texts.begin() + 1, texts.end(),
                     [](const Texts& some) { return some.expr == 0; });
}

Anchored AnchoredParts::empty() const {
  Anchored all;
  all.texts[kPlain] = {grammar_.empty(), true};
  return all;
}

Anchored AnchoredParts::plain(Grammar::Expr expr) const {
  Anchored all;
  all.texts[kPlain] = {expr, false};
  return all;
}

Anchored AnchoredParts::text_begin() const {
  Anchored all;
  all.texts[kBegin] = {grammar_.empty(), true};
  return all;
}

Anchored AnchoredParts::text_end() const {
  Anchored all;
  all.texts[kEnd] = {grammar_.empty(), true};
  return all;
}

// Halves are joined, so that the expressions in between stay short.
Anchored AnchoredParts::sequence(std::span<const Anchored> parts) const {
  if (parts.empty()) return empty();
  if (parts.size() == 1) return parts.front();
  if (std::ranges::all_of(parts, &Anchored::is_plain)) {
    Anchored all;
    std::vector<Grammar::Expr> exprs;
    bool may_be_empty = true;
    for (const Anchored& part : parts) {
      exprs.push_back(part.texts[kPlain].expr);
      may_be_empty = may_be_empty && part.texts[kPlain].may_be_empty;
    }
    all.texts[kPlain] = {grammar_.sequence(std::move(exprs)), may_be_empty};
    return all;
  }
  const std::size_t half = parts.size() / 2;
  return join(sequence(parts.first(half)), sequence(parts.subspan(half)));
}

// Where the right one demands that nothing stands before it, only the empty
// text of the left one will do, and the other way round.
Anchored AnchoredParts::join(const Anchored& left,
                             const Anchored& right) const {
  std::array<std::vector<Texts>, Anchored::kCombinations> found;
  const auto empty_of = [&](const Texts& texts) {
    return texts.may_be_empty ? Texts{grammar_.empty(), true} : Texts{};
  };
  for (std::size_t i = 0; i < Anchored::kCombinations; ++i) {
    for (std::size_t j = 0; j < Anchored::kCombinations; ++j) {
      const Texts& before = left.texts[i];
      const Texts& behind = right.texts[j];
      found[i | j].push_back(
          sequence((j & kBegin) != 0 ? empty_of(before) : before,
                   (i & kEnd) != 0 ? empty_of(behind) : behind));
    }
  }
  Anchored all;
  for (std::size_t i = 0; i < Anchored::kCombinations; ++i) {
    all.texts[i] = choice(found[i]);
  }
  return all;
}

Anchored AnchoredParts::choice(std::span<const Anchored> parts) const {
  Anchored all;
  for (std::size_t i = 0; i < Anchored::kCombinations; ++i) {
    std::vector<Texts> found;
    for (const Anchored& part : parts) found.push_back(part.texts[i]);
    all.texts[i] = choice(found);
  }
  return all;
}

// Of several rounds that demand that nothing stands before them, all but the
// last are empty, and so is what comes before it; the other end is alike. So
// one round of a kind is enough, and empty ones fill up the number of rounds.
Anchored AnchoredParts::repeat(const Anchored& part, std::int64_t min,
                               std::int64_t max) const {
  const Texts& free = part.texts[kPlain];
  const Texts& begin = part.texts[kBegin];
  const Texts& end = part.texts[kEnd];
  const Texts& both = part.texts[kBoth];
  Anchored all;
  all.texts[kPlain] = repeat(free, min, max);
  if (part.is_plain() || max == 0) return all;

  const auto free_rounds = [&](std::int64_t others, bool any_is_empty) {
    return repeat(free, any_is_empty ? 0 : without(others, min),
                  without(others, max));
  };
  all.texts[kBegin] =
      sequence(begin, free_rounds(1, free.may_be_empty || begin.may_be_empty));
  all.texts[kEnd] =
      sequence(free_rounds(1, free.may_be_empty || end.may_be_empty), end);

  const bool any_is_empty =
      free.may_be_empty || begin.may_be_empty || end.may_be_empty;
  std::vector<Texts> whole;
  if (min <= 1 || any_is_empty) {
    whole.push_back(both);
  } else if (both.may_be_empty) {
    whole.push_back({grammar_.empty(), true});
  }
  if (max != 1) {
    whole.push_back(
        sequence(sequence(begin, free_rounds(2, any_is_empty)), end));
  }
  all.texts[kBoth] = choice(whole);
  return all;
}

Grammar::Expr AnchoredParts::whole(const Anchored& part) const {
  return choice(part.texts).expr;
}

Grammar::Expr AnchoredParts::anywhere(const Anchored& part) const {
  const Grammar::Expr any = grammar_.repeat(
      grammar_.character(CodePointSet({{0, kLastCodePoint}}).ranges()), 0,
      Grammar::kUnlimited);
  if (part.texts[kPlain].may_be_empty) return any;
  return grammar_.choice(
      {grammar_.sequence({any, part.texts[kPlain].expr, any}),
       grammar_.sequence({part.texts[kBegin].expr, any}),
       grammar_.sequence({any, part.texts[kEnd].expr}),
       part.texts[kBoth].expr});
}

Texts AnchoredParts::sequence(const Texts& left, const Texts& right) const {
  return {grammar_.sequence({left.expr, right.expr}),
          left.may_be_empty && right.may_be_empty};
}

Texts AnchoredParts::choice(std::span<const Texts> all) const {
  std::vector<Grammar::Expr> exprs;
  bool may_be_empty = false;
  for (const Texts& texts : all) {
    exprs.push_back(texts.expr);
    may_be_empty = may_be_empty || texts.may_be_empty;
  }
  return {grammar_.choice(std::move(exprs)), may_be_empty};
}

Texts AnchoredParts::repeat(const Texts& part, std::int64_t min,
                            std::int64_t max) const {
  return {grammar_.repeat(part.expr, min, max), min == 0 || part.may_be_empty};
}

}  // namespace pilotfish
