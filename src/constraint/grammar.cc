#include "constraint/grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <functional>
#include <utility>

#include "base/hash.h"
#include "constraint/effort.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// One form of UTF-8: code points up to `last` take `size` bytes, the first of
// which begins with the bits of `lead`.
struct Utf8Form {
  char32_t first;
  char32_t last;
  int size;
  unsigned lead;
};

constexpr std::array<Utf8Form, 5> kUtf8Forms = {{
    {0, 0x7F, 1, 0},
    {0x80, 0x7FF, 2, 0xC0},
    {0x800, 0xD7FF, 3, 0xE0},
    {0xE000, 0xFFFF, 3, 0xE0},
    {0x10000, 0x10FFFF, 4, 0xF0},
}};

ByteSet byte_range(unsigned first, unsigned last) {
  ByteSet set;
  for (unsigned byte = first; byte <= last; ++byte) set.set(byte);
  return set;
}

// Code points `first` to `last` in the bytes that `size` of them take, the
// first of which has the bits of `lead` set.
Grammar::Expr utf8_range(Grammar& grammar, char32_t first, char32_t last,
                         int size, unsigned lead) {
  const int shift = 6 * (size - 1);
  const unsigned low = lead | static_cast<unsigned>(first >> shift);
  const unsigned high = lead | static_cast<unsigned>(last >> shift);
  if (size == 1) return grammar.bytes(byte_range(low, high));
  const char32_t rest = (char32_t{1} << shift) - 1;
  const auto tail = [&](char32_t from, char32_t to) {
    return utf8_range(grammar, from & rest, to & rest, size - 1, 0x80);
  };
  const auto byte = [&](unsigned from, unsigned to) {
    return grammar.bytes(byte_range(from, to));
  };
  if (low == high) {
    return grammar.sequence({byte(low, low), tail(first, last)});
  }
  std::vector<Grammar::Expr> parts;
  const bool whole_first = (first & rest) == 0;
  const bool whole_last = (last & rest) == rest;
  if (!whole_first) {
    parts.push_back(grammar.sequence({byte(low, low), tail(first, rest)}));
  }
  const unsigned from = whole_first ? low : low + 1;
  const unsigned to = whole_last ? high : high - 1;
  if (from <= to) {
    parts.push_back(grammar.sequence({byte(from, to), tail(0, rest)}));
  }
  if (!whole_last) {
    parts.push_back(grammar.sequence({byte(high, high), tail(0, last)}));
  }
  return grammar.choice(std::move(parts));
}

}  // namespace

std::size_t Grammar::HashNode::operator()(const Node& node) const {
  std::size_t hash = static_cast<std::size_t>(node.kind);
  for (const Expr part : node.parts)
    mix_into(hash, static_cast<std::size_t>(part));
  if (node.kind == Kind::kBytes)
    mix_into(hash, std::hash<ByteSet>()(node.bytes));
  mix_into(hash, static_cast<std::size_t>(node.token));
  mix_into(hash, static_cast<std::size_t>(node.rule));
  mix_into(hash, static_cast<std::size_t>(node.min));
  mix_into(hash, static_cast<std::size_t>(node.max));
  mix_into(hash, std::hash<const void*>()(node.table.get()));
  return hash;
}

Grammar::Grammar(std::int64_t most) : most_(most) {
  add({.kind = Kind::kNothing});
  add({.kind = Kind::kEmpty});
}

Grammar::Expr Grammar::add(Node node) {
  constexpr std::int64_t kStepsToAdd = 16;
  Effort::spend(kStepsToAdd + std::ssize(node.parts));
  const auto id = static_cast<Expr>(nodes_.size());
  const auto [place, is_new] = ids_.try_emplace(std::move(node), id);
  if (!is_new) return place->second;
  nodes_.push_back(&place->first);
  size_ += 1 + std::ssize(place->first.parts);
  if (size_ > most_) {
    throw UsageError(fmt::format(
        "the grammar is too large: it has more than {} parts", most_));
  }
  return id;
}

Grammar::Expr Grammar::text(std::string_view bytes) {
  std::vector<Expr> parts;
  for (const char byte : bytes) {
    ByteSet set;
    set.set(static_cast<unsigned char>(byte));
    parts.push_back(this->bytes(set));
  }
  return sequence(std::move(parts));
}

Grammar::Expr Grammar::bytes(const ByteSet& set) {
  if (set.none()) return nothing();
  return add({.kind = Kind::kBytes, .bytes = set});
}

Grammar::Expr Grammar::character(std::span<const CodePointRange> ranges) {
  std::vector<Expr> parts;
  for (const auto& [first, last] : ranges) {
    for (const Utf8Form& form : kUtf8Forms) {
      const char32_t from = std::max(first, form.first);
      const char32_t to = std::min(last, form.last);
      if (from > to) continue;
      parts.push_back(utf8_range(*this, from, to, form.size, form.lead));
    }
  }
  return choice(std::move(parts));
}

Grammar::Expr Grammar::token(Token special) {
  return add({.kind = Kind::kToken, .token = special});
}

Grammar::Expr Grammar::sequence(std::vector<Expr> parts) {
  std::vector<Expr> flat;
  for (const Expr part : parts) {
    if (part == nothing()) return nothing();
    if (part == empty()) continue;
    const Node& its = node(part);
    if (its.kind == Kind::kSequence) {
      flat.insert(flat.end(), its.parts.begin(), its.parts.end());
    } else {
      flat.push_back(part);
    }
  }
  if (flat.empty()) return empty();
  if (flat.size() == 1) return flat.front();
  return add({.kind = Kind::kSequence, .parts = std::move(flat)});
}

Grammar::Expr Grammar::choice(std::vector<Expr> parts) {
  std::vector<Expr> flat;
  ByteSet single;
  const auto take = [&](Expr part) {
    const Node& its = node(part);
    if (its.kind == Kind::kBytes) {
      single |= its.bytes;
    } else if (part != nothing()) {
      flat.push_back(part);
    }
  };
  for (const Expr part : parts) {
    const Node& its = node(part);
    if (its.kind == Kind::kChoice) {
      for (const Expr inner : its.parts) take(inner);
    } else {
      take(part);
    }
  }
  if (single.any()) flat.push_back(bytes(single));
  std::ranges::sort(flat);
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  if (flat.empty()) return nothing();
  if (flat.size() == 1) return flat.front();
  return add({.kind = Kind::kChoice, .parts = std::move(flat)});
}

Grammar::Expr Grammar::repeat(Expr part, std::int64_t min, std::int64_t max) {
  assert(min >= 0 && (max == kUnlimited || max >= min));
  if (max == 0 || part == empty()) return empty();
  if (part == nothing()) return min == 0 ? empty() : nothing();
  if (min == 1 && max == 1) return part;
  return add({.kind = Kind::kRepeat, .parts = {part}, .min = min, .max = max});
}

Grammar::Expr Grammar::table(std::shared_ptr<const TransitionTable> table) {
  assert(may_have_tables());
  return add({.kind = Kind::kTable, .table = std::move(table)});
}

Grammar::Rule Grammar::declare(std::string name) {
  rules_.push_back({.name = std::move(name)});
  if (std::ssize(rules_) > most_) {
    throw UsageError(fmt::format(
        "the grammar is too large: it has more than {} rules", most_));
  }
  return static_cast<Rule>(rules_.size() - 1);
}

void Grammar::define(Rule rule, Expr body) {
  rules_[static_cast<std::size_t>(rule)].body = body;
}

Grammar::Expr Grammar::call(Rule rule) {
  return add({.kind = Kind::kCall, .rule = rule});
}

}  // namespace pilotfish
