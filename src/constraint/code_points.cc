#include "constraint/code_points.h"

#include <utf8proc.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <map>
#include <utility>

namespace pilotfish {
namespace {

constexpr char32_t kBeforeSurrogates = 0xD7FF;
constexpr char32_t kBehindSurrogates = 0xE000;
// No character beyond Unicode's first two planes has a case.
constexpr char32_t kLastWithCase = 0x1FFFF;

// Characters that differ in case alone, as rings: from each to the next larger
// one of its kind, from the largest to the smallest.
// Sorted by the first of a pair.
using CaseRings = std::vector<std::pair<char32_t, char32_t>>;

// The same for all characters that differ in case alone. Simple folding leaves
// alone the dotted capital I and the dotless small one, which only Turkish
// pairs with others.
char32_t kind_of(char32_t code_point) {
  if (code_point == 0x130 || code_point == 0x131) return code_point;
  const auto c = static_cast<utf8proc_int32_t>(code_point);
  return static_cast<char32_t>(
      utf8proc_tolower(utf8proc_toupper(utf8proc_tolower(c))));
}

CaseRings make_case_rings() {
  std::map<char32_t, std::vector<char32_t>> kinds;
  for (char32_t c = 0; c <= kLastWithCase; ++c) {
    const char32_t kind = kind_of(c);
    if (kind != c) kinds[kind].push_back(c);
  }
  CaseRings rings;
  for (auto& [kind, members] : kinds) {
    members.push_back(kind);
    std::ranges::sort(members);
    for (std::size_t i = 0; i < members.size(); ++i) {
      rings.emplace_back(members[i], members[(i + 1) % members.size()]);
    }
  }
  std::ranges::sort(rings);
  return rings;
}

const CaseRings& case_rings() {
  static const CaseRings rings = make_case_rings();
  return rings;
}

}  // namespace

CodePointSet::CodePointSet(std::vector<CodePointRange> ranges) {
  std::ranges::sort(ranges, {}, &CodePointRange::first);
  const auto append = [&](char32_t first, char32_t last) {
    if (first > last) return;
    if (!ranges_.empty() && first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, last);
    } else {
      ranges_.push_back({first, last});
    }
  };
  for (const auto& [first, last] : ranges) {
    assert(first <= last && last <= kLastCodePoint);
    append(first, std::min(last, kBeforeSurrogates));
    append(std::max(first, kBehindSurrogates), last);
  }
}

CodePointSet CodePointSet::negated() const {
  std::vector<CodePointRange> rest;
  char32_t next = 0;
  for (const auto& [first, last] : ranges_) {
    if (next < first) rest.push_back({next, first - 1});
    next = last + 1;
  }
  if (next <= kLastCodePoint) rest.push_back({next, kLastCodePoint});
  return CodePointSet(std::move(rest));
}

CodePointSet CodePointSet::with_cases() const {
  const CaseRings& rings = case_rings();
  const auto from = [&](char32_t c) {
    return std::ranges::lower_bound(rings, c, {},
                                    &CaseRings::value_type::first);
  };
  std::vector<CodePointRange> all = ranges_;
  for (const auto& [first, last] : ranges_) {
    for (auto place = from(first); place != rings.end() && place->first <= last;
         ++place) {
      for (char32_t other = place->second; other != place->first;
           other = from(other)->second) {
        if (other < first || other > last) all.push_back({other, other});
      }
    }
  }
  return CodePointSet(std::move(all));
}

bool CodePointSet::contains(char32_t code_point) const {
  const auto place =
      std::ranges::lower_bound(ranges_, code_point, {}, &CodePointRange::last);
  return place != ranges_.end() && place->first <= code_point;
}

}  // namespace pilotfish
