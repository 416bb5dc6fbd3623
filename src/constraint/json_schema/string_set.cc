#include "constraint/json_schema/string_set.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <deque>
#include <iterator>
#include <span>
#include <utility>

#include "constraint/json_schema/json_text.h"
#include "constraint/json_schema/value.h"
#include "pilotfish/error.h"

namespace pilotfish::json_schema {
namespace {

constexpr std::array<CodePointRange, 1> kAnyCharacter = {{{0, 0x10FFFF}}};

bool begins_character(std::uint8_t byte) { return (byte & 0xC0) != 0x80; }

std::int64_t length_of(std::string_view text) {
  return std::ranges::count_if(text, [](char byte) {
    return begins_character(static_cast<std::uint8_t>(byte));
  });
}

Dfa texts_of_length(std::int64_t min, std::int64_t max) {
  Grammar grammar;
  return Dfa::of(grammar,
                 grammar.repeat(grammar.character(kAnyCharacter), min, max));
}

const Dfa& all_texts() {
  static const Dfa kAll = texts_of_length(0, kUnlimited);
  return kAll;
}

// An automaton of texts, which are sorted: their tree, level by level.
Dfa dfa_of_texts(std::span<const std::string> texts) {
  struct Node {
    std::span<const std::string> texts;  // those that begin like this
    std::size_t depth;
  };
  TransitionTable table;
  std::deque<Node> open = {{texts, 0}};
  for (std::int32_t known = 1; !open.empty(); open.pop_front()) {
    auto [rest, depth] = open.front();
    const bool accepting = !rest.empty() && rest.front().size() == depth;
    table.add_state(accepting);
    if (accepting) rest = rest.subspan(1);
    while (!rest.empty()) {
      const auto byte = static_cast<unsigned char>(rest.front()[depth]);
      std::size_t count = 1;
      while (count < rest.size() &&
             static_cast<unsigned char>(rest[count][depth]) == byte) {
        ++count;
      }
      table.add_bytes(byte, byte, known++);
      open.push_back({rest.first(count), depth + 1});
      rest = rest.subspan(count);
    }
  }
  return Dfa::of(table);
}

struct Lengths {
  std::int64_t min;
  std::int64_t max;
};

// Finds the longest way from each state of a minimal automaton to an end.
class LongestWays {
 public:
  explicit LongestWays(const TransitionTable& table)
      : table_(table), known_(static_cast<std::size_t>(table.size()), kNew) {}

  // kUnlimited: there is a circle on the way.
  std::int64_t from_start() {
    // The states are put on a stack instead of recursing: there may be many.
    std::vector<std::int32_t> open = {0};
    while (!open.empty()) {
      const std::int32_t state = open.back();
      std::int64_t& its = known(state);
      if (its == kNew) {
        its = kOpen;
        for (const auto& edge : table_.byte_edges(state)) {
          if (known(edge.to) == kOpen) return kUnlimited;
          if (known(edge.to) == kNew) open.push_back(edge.to);
        }
        continue;
      }
      open.pop_back();
      if (its != kOpen) continue;
      its = 0;
      for (const auto& edge : table_.byte_edges(state)) {
        its = std::max(its, known(edge.to) + begins_character(edge.first));
      }
    }
    return known(0);
  }

 private:
  static constexpr std::int64_t kNew = -2;
  static constexpr std::int64_t kOpen = -3;

  std::int64_t& known(std::int32_t state) {
    return known_[static_cast<std::size_t>(state)];
  }

  const TransitionTable& table_;
  std::vector<std::int64_t> known_;  // [state]
};

// The shortest way through a minimal automaton, in code points: states are
// visited in the order of their distance.
std::int64_t shortest(const TransitionTable& table) {
  std::vector<char> seen(static_cast<std::size_t>(table.size()), 0);
  std::vector<std::int32_t> now = {0};
  for (std::int64_t length = 0; !now.empty(); ++length) {
    std::vector<std::int32_t> next;
    for (std::size_t i = 0; i < now.size(); ++i) {  // grows on the way
      const std::int32_t state = now[i];
      if (std::exchange(seen[static_cast<std::size_t>(state)], 1) != 0)
        continue;
      if (table.accepting(state)) return length;
      for (const auto& edge : table.byte_edges(state)) {
        (begins_character(edge.first) ? next : now).push_back(edge.to);
      }
    }
    now = std::move(next);
  }
  return 0;
}

// Whether a minimal automaton has a text of `min` to `max` code points. If
// there is one at all, there is one whose length is at most that of a way
// through all states beyond `min`.
bool has_length(const TransitionTable& table, std::int64_t min,
                std::int64_t max) {
  const std::int64_t last = max == kUnlimited
                                ? min + table.size()
                                : std::min(max, min + table.size());
  if (last > Dfa::kMostStates) {
    throw UsageError(
        "the constraint is too large: a pattern and a length take too many "
        "states together");
  }
  std::vector<std::int32_t> now = {0};
  for (std::int64_t length = 0; length <= last && !now.empty(); ++length) {
    std::vector<char> seen(static_cast<std::size_t>(table.size()), 0);
    std::vector<std::int32_t> next;
    for (std::size_t i = 0; i < now.size(); ++i) {  // grows on the way
      const std::int32_t state = now[i];
      if (std::exchange(seen[static_cast<std::size_t>(state)], 1) != 0)
        continue;
      if (length >= min && table.accepting(state)) return true;
      for (const auto& edge : table.byte_edges(state)) {
        (begins_character(edge.first) ? next : now).push_back(edge.to);
      }
    }
    now = std::move(next);
  }
  return false;
}

// Any string as JSON can write it, quotes included.
Dfa any_json_string() {
  Grammar grammar;
  const Grammar::Expr quote = grammar.text("\"");
  return Dfa::of(
      grammar, grammar.sequence({quote,
                                 grammar.repeat(write_string_character(grammar),
                                                0, kUnlimited),
                                 quote}));
}

Lengths lengths_of(const Dfa& dfa) {
  return {shortest(dfa.table()), LongestWays(dfa.table()).from_start()};
}

}  // namespace

StringSet::StringSet(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  finite_ = std::make_shared<const std::vector<std::string>>(std::move(texts));
}

StringSet StringSet::all() { return of_length(0, kUnlimited); }

StringSet StringSet::of(std::vector<std::string> texts) {
  return StringSet(std::move(texts));
}

StringSet StringSet::of_length(std::int64_t min, std::int64_t max) {
  StringSet set;
  if (max != kUnlimited && min > max) return set;
  set.finite_ = nullptr;
  set.min_ = min;
  set.max_ = max;
  return set;
}

StringSet StringSet::matching(const Dfa& dfa) {
  return of_valid(dfa.intersect(all_texts()));
}

StringSet StringSet::of_valid(Dfa valid) {
  if (valid.is_empty()) return {};
  StringSet set = all();
  if (valid != all_texts()) {
    set.dfa_ = std::make_shared<const Dfa>(std::move(valid));
  }
  return set;
}

Dfa StringSet::as_dfa() const {
  if (finite_ != nullptr) {
    return dfa_of_texts(*finite_);
  }
  if (dfa_ == nullptr) {
    return any_length() ? all_texts() : texts_of_length(min_, max_);
  }
  if (any_length()) return *dfa_;
  // The automaton's own limit keeps what nobody could hold from being written
  // out: a maximum beyond it is one of the shortest texts, or none.
  return dfa_->intersect(texts_of_length(min_, max_));
}

StringSet StringSet::intersect(const StringSet& other) const {
  if (is_all()) return other;
  if (other.is_all()) return *this;
  if (finite_ == nullptr && other.finite_ != nullptr) {
    return other.intersect(*this);
  }
  if (finite_ != nullptr) {
    std::vector<std::string> texts;
    std::ranges::copy_if(
        *finite_, std::back_inserter(texts),
        [&](const std::string& text) { return other.contains(text); });
    return of(std::move(texts));
  }
  StringSet set = *this;
  set.min_ = std::max(min_, other.min_);
  set.max_ = max_ == kUnlimited         ? other.max_
             : other.max_ == kUnlimited ? max_
                                        : std::min(max_, other.max_);
  if (set.max_ != kUnlimited && set.min_ > set.max_) return {};
  if (dfa_ == nullptr) {
    set.dfa_ = other.dfa_;
  } else if (other.dfa_ != nullptr && other.dfa_ != dfa_) {
    Dfa both = dfa_->intersect(*other.dfa_);
    if (both.is_empty()) return {};
    set.dfa_ = std::make_shared<const Dfa>(std::move(both));
  }
  if (set.dfa_ == nullptr || set.any_length()) return set;
  // Lengths that the automaton sees to by itself are left out.
  const Lengths its = lengths_of(*set.dfa_);
  if (its.max != kUnlimited && its.max < set.min_) return {};
  if (set.max_ != kUnlimited && its.min > set.max_) return {};
  if (set.min_ <= its.min) set.min_ = 0;
  if (its.max != kUnlimited && set.max_ >= its.max) set.max_ = kUnlimited;
  return set;
}

StringSet StringSet::unite(const StringSet& other) const {
  if (is_all() || is_empty()) return is_all() ? *this : other;
  if (other.is_all() || other.is_empty()) return other.is_all() ? other : *this;
  if (*this == other) return *this;
  if (finite_ != nullptr && other.finite_ != nullptr) {
    std::vector<std::string> texts = *finite_;
    texts.insert(texts.end(), other.finite_->begin(), other.finite_->end());
    return of(std::move(texts));
  }
  return of_valid(as_dfa().unite(other.as_dfa()));
}

StringSet StringSet::minus(const StringSet& other) const {
  if (other.is_all()) return {};
  if (finite_ != nullptr) {
    std::vector<std::string> texts;
    std::ranges::copy_if(
        *finite_, std::back_inserter(texts),
        [&](const std::string& text) { return !other.contains(text); });
    return of(std::move(texts));
  }
  if (other.finite_ != nullptr && other.finite_->empty()) return *this;
  return of_valid(as_dfa().minus(other.as_dfa()));
}

bool StringSet::is_empty() const {
  if (finite_ != nullptr) return finite_->empty();
  if (dfa_ == nullptr || any_length()) return false;  // seen to on the way
  return !has_length(dfa_->table(), min_, max_);
}

bool StringSet::contains(std::string_view text) const {
  if (finite_ != nullptr) return std::ranges::binary_search(*finite_, text);
  return fits_length(length_of(text)) &&
         (dfa_ == nullptr || dfa_->contains(text));
}

bool StringSet::operator==(const StringSet& other) const {
  if ((finite_ == nullptr) != (other.finite_ == nullptr)) return false;
  if (finite_ != nullptr) return *finite_ == *other.finite_;
  if (min_ != other.min_ || max_ != other.max_) return false;
  return dfa_ == other.dfa_ ||
         (dfa_ != nullptr && other.dfa_ != nullptr && *dfa_ == *other.dfa_);
}

Grammar::Expr StringSet::write(Grammar& grammar, std::string_view name) const {
  if (finite_ != nullptr) {
    std::vector<Grammar::Expr> texts;
    for (const std::string& text : *finite_) {
      texts.push_back(grammar.text(json_string(text)));
    }
    return grammar.choice(std::move(texts));
  }
  if (grammar.may_have_tables() && (dfa_ != nullptr || any_length())) {
    static const Dfa kAny = any_json_string();
    return (dfa_ == nullptr ? kAny : json_strings(as_dfa()))
        .to_table(grammar, name);
  }
  const Grammar::Expr quote = grammar.text("\"");
  const Grammar::Expr inside =
      dfa_ == nullptr
          ? grammar.repeat(write_string_character(grammar), min_, max_)
          : escaped(as_dfa()).to_grammar(grammar, name);
  return grammar.sequence({quote, inside, quote});
}

Grammar::Expr write_any_string(Grammar& grammar) {
  return StringSet::all().write(grammar, "string");
}

}  // namespace pilotfish::json_schema
