#ifndef PILOTFISH_CONSTRAINT_TESTING_RECOGNISE_H_
#define PILOTFISH_CONSTRAINT_TESTING_RECOGNISE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/grammar.h"

namespace pilotfish::test {

// What a text is made of: a byte as itself, a special token as
// kTokenSymbol plus its id.
using Symbols = std::vector<std::int64_t>;
inline constexpr std::int64_t kTokenSymbol = 256;

inline Symbols symbols_of(std::string_view text) {
  Symbols symbols;
  for (const char byte : text) {
    symbols.push_back(static_cast<unsigned char>(byte));
  }
  return symbols;
}

// Says which texts a grammar gives, by its definition and nothing cleverer: the
// places where a match of each expression can end are worked out once for each
// place where it can begin. Shares no code with the automaton, which is
// compared with it. Requires a grammar without left recursion.
class Recogniser {
 public:
  Recogniser(const Grammar& grammar, Symbols text)
      : grammar_(grammar), text_(std::move(text)) {
    find_productive();
    const Places ends = ends_of(grammar_.start(), 0);
    matches_ = ends.contains(text_.size());
    is_prefix_ = matches_ || ran_out_;
  }

  // Whether the whole text is one of the grammar's.
  bool matches() const { return matches_; }
  // Whether one of the grammar's texts begins with this text.
  bool is_prefix() const { return is_prefix_; }

 private:
  using Expr = Grammar::Expr;
  using Kind = Grammar::Kind;
  using Places = std::set<std::size_t>;

  bool productive(Expr expr) const {
    return productive_[static_cast<std::size_t>(expr)];
  }

  // Whether an expression gives any text at all, as far as is known.
  bool gives_a_text(Expr expr) const {
    const Grammar::Node& node = grammar_.node(expr);
    const auto known = [&](Expr part) { return productive(part); };
    switch (node.kind) {
      case Kind::kNothing:
        return false;
      case Kind::kEmpty:
      case Kind::kBytes:
      case Kind::kToken:
      case Kind::kTable:
        return true;
      case Kind::kSequence:
        return std::ranges::all_of(node.parts, known);
      case Kind::kChoice:
        return std::ranges::any_of(node.parts, known);
      case Kind::kRepeat:
        return node.min == 0 || known(node.parts[0]);
      case Kind::kCall:
        return known(grammar_.body(node.rule));
    }
    return false;
  }

  // A rule that only ever calls itself gives no text, and neither does what
  // needs it; a text that runs out before such a thing begins no match.
  void find_productive() {
    productive_.assign(static_cast<std::size_t>(grammar_.exprs()), false);
    for (bool changed = true; changed;) {
      changed = false;
      for (Expr expr = 0; expr < grammar_.exprs(); ++expr) {
        if (productive(expr) || !gives_a_text(expr)) continue;
        productive_[static_cast<std::size_t>(expr)] = true;
        changed = true;
      }
    }
  }

  // Where matches of `expr` that begin at `from` can end.
  Places ends_of(Expr expr, std::size_t from) {
    if (!productive(expr)) return {};
    const auto key = std::make_pair(expr, from);
    if (const auto known = ends_.find(key); known != ends_.end()) {
      return known->second;
    }
    return ends_[key] = find_ends(expr, from);
  }

  Places find_ends(Expr expr, std::size_t from) {
    const Grammar::Node& node = grammar_.node(expr);
    switch (node.kind) {
      case Kind::kNothing:
        return {};
      case Kind::kEmpty:
        return {from};
      case Kind::kBytes:
      case Kind::kToken:
        return ends_of_symbol(node, from);
      case Kind::kSequence: {
        Places places = {from};
        for (const Expr part : node.parts) places = after(part, places);
        return places;
      }
      case Kind::kChoice: {
        Places places;
        for (const Expr part : node.parts) places.merge(ends_of(part, from));
        return places;
      }
      case Kind::kRepeat:
        return ends_of_repeat(node, from);
      case Kind::kCall:
        return ends_of(grammar_.body(node.rule), from);
      case Kind::kTable:
        return ends_of_table(*node.table, from);
    }
    return {};
  }

  Places ends_of_table(const TransitionTable& table, std::size_t from) {
    Places ends;
    std::int32_t state = 0;
    for (std::size_t at = from; state != TransitionTable::kDead; ++at) {
      if (table.accepting(state)) ends.insert(at);
      if (at == text_.size()) {
        ran_out_ = ran_out_ || !table.is_last(state);
        break;
      }
      if (text_[at] >= kTokenSymbol) break;
      state = table.next(state, static_cast<std::uint8_t>(text_[at]));
    }
    return ends;
  }

  Places ends_of_symbol(const Grammar::Node& node, std::size_t from) {
    if (from == text_.size()) {
      ran_out_ = true;
      return {};
    }
    const std::int64_t symbol = text_[from];
    const bool fits =
        node.kind == Kind::kToken
            ? symbol == kTokenSymbol + node.token
            : symbol < kTokenSymbol &&
                  node.bytes.test(static_cast<std::size_t>(symbol));
    return fits ? Places{from + 1} : Places{};
  }

  Places after(Expr part, const Places& places) {
    Places ends;
    for (const std::size_t place : places) ends.merge(ends_of(part, place));
    return ends;
  }

  // Rounds that match nothing are left out: where there can be any, there may
  // as well be fewer rounds than `min`.
  Places ends_of_repeat(const Grammar::Node& node, std::size_t from) {
    const Expr part = node.parts[0];
    const bool may_be_empty = ends_of(part, from).contains(from);
    const std::int64_t min = may_be_empty ? 0 : node.min;
    Places ends;
    Places places = {from};
    for (std::int64_t round = 0; !places.empty(); ++round) {
      if (round >= min) ends.insert(places.begin(), places.end());
      if (round == node.max) break;
      Places next;
      for (const std::size_t place : places) {
        Places further = ends_of(part, place);
        further.erase(place);
        next.merge(further);
      }
      places = std::move(next);
    }
    return ends;
  }

  const Grammar& grammar_;
  Symbols text_;
  std::vector<bool> productive_;  // [expr]
  std::map<std::pair<Expr, std::size_t>, Places> ends_;
  bool ran_out_ = false;  // the text ended where more could have come
  bool matches_ = false;
  bool is_prefix_ = false;
};

inline bool matches(const Grammar& grammar, std::string_view text) {
  return Recogniser(grammar, symbols_of(text)).matches();
}

inline bool is_prefix(const Grammar& grammar, std::string_view text) {
  return Recogniser(grammar, symbols_of(text)).is_prefix();
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_TESTING_RECOGNISE_H_
