#ifndef PILOTFISH_CONSTRAINT_TESTING_REFERENCE_H_
#define PILOTFISH_CONSTRAINT_TESTING_REFERENCE_H_

#include <cassert>
#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "constraint/grammar.h"

namespace pilotfish::test {

// What a grammar gives, straight from its definition and by no automaton: every
// expression says which stretches of a text it matches. Slow, and only for
// grammars without left recursion and tables. Texts are lists of fewer than 64
// letters: bytes, and special tokens from kSpecial on.
class Reference {
 public:
  using Text = std::vector<std::int32_t>;
  static constexpr std::int32_t kSpecial = 1000;

  explicit Reference(const Grammar& grammar) : grammar_(grammar) {
    find_productive();
  }

  static Text letters(std::string_view bytes) {
    Text text;
    for (const char byte : bytes) {
      text.push_back(static_cast<unsigned char>(byte));
    }
    return text;
  }

  bool contains(Grammar::Expr expr, const Text& text) {
    start(text);
    return (ends(expr, 0) & bit(size())) != 0;
  }
  // Whether something can be added to `text` that makes it one of the
  // expression's, nothing included.
  bool can_begin(Grammar::Expr expr, const Text& text) {
    const auto known = begins_.find({expr, text});
    if (known != begins_.end()) return known->second;
    // What cannot begin with a part of it cannot begin with it.
    if (!text.empty() && !can_begin(expr, Text(text.begin(), text.end() - 1))) {
      return begins_[{expr, text}] = false;
    }
    start(text);
    return begins_[{expr, text}] = reaches_end(expr, 0);
  }

 private:
  using Places = std::uint64_t;  // a bit for each

  static Places bit(std::int64_t place) { return Places{1} << place; }

  std::int64_t size() const { return std::ssize(text_); }

  static std::int64_t memo_key(Grammar::Expr expr, std::int64_t from) {
    return std::int64_t{expr} * 64 + from;
  }

  void start(const Text& text) {
    assert(text.size() < 64);
    text_ = text;
    ends_.clear();
    reaches_.clear();
  }

  // Which expressions and rules give any text at all.
  void find_productive() {
    rule_gives_.assign(static_cast<std::size_t>(grammar_.rules()), 0);
    for (bool changed = true; changed;) {
      changed = false;
      for (Grammar::Rule rule = 0; rule < grammar_.rules(); ++rule) {
        char& mark = rule_gives_[static_cast<std::size_t>(rule)];
        if (mark != 0 || !gives(grammar_.body(rule))) continue;
        mark = 1;
        changed = true;
      }
    }
  }

  bool gives(Grammar::Expr expr) const {
    const Grammar::Node& node = grammar_.node(expr);
    switch (node.kind) {
      case Grammar::Kind::kNothing:
        return false;
      case Grammar::Kind::kEmpty:
      case Grammar::Kind::kBytes:
      case Grammar::Kind::kToken:
        return true;
      case Grammar::Kind::kSequence:
        for (const Grammar::Expr part : node.parts) {
          if (!gives(part)) return false;
        }
        return true;
      case Grammar::Kind::kChoice:
        for (const Grammar::Expr part : node.parts) {
          if (gives(part)) return true;
        }
        return false;
      case Grammar::Kind::kRepeat:
        return node.min == 0 || gives(node.parts.front());
      case Grammar::Kind::kCall:
        return rule_gives_[static_cast<std::size_t>(node.rule)] != 0;
      case Grammar::Kind::kTable:
        break;
    }
    return false;
  }

  bool reads(const Grammar::Node& node, std::int32_t letter) const {
    if (node.kind == Grammar::Kind::kToken) {
      return letter == kSpecial + node.token;
    }
    return letter < kSpecial && node.bytes[static_cast<std::size_t>(letter)];
  }

  // Where a match that begins at `from` can end.
  Places ends(Grammar::Expr expr, std::int64_t from) {
    const auto known = ends_.find(memo_key(expr, from));
    if (known != ends_.end()) return known->second;
    const Grammar::Node& node = grammar_.node(expr);
    Places places = 0;
    switch (node.kind) {
      case Grammar::Kind::kNothing:
        break;
      case Grammar::Kind::kEmpty:
        places = bit(from);
        break;
      case Grammar::Kind::kBytes:
      case Grammar::Kind::kToken:
        if (from < size() &&
            reads(node, text_[static_cast<std::size_t>(from)])) {
          places = bit(from + 1);
        }
        break;
      case Grammar::Kind::kSequence:
        places = bit(from);
        for (const Grammar::Expr part : node.parts) {
          places = ends_of_all(part, places);
        }
        break;
      case Grammar::Kind::kChoice:
        for (const Grammar::Expr part : node.parts) {
          places |= ends(part, from);
        }
        break;
      case Grammar::Kind::kRepeat: {
        Places now = bit(from);
        for (std::int64_t i = 0; now != 0; ++i) {
          if (i >= node.min) places |= now;
          if (i == node.max || i > node.min + size() + 1) break;
          now = ends_of_all(node.parts.front(), now);
        }
        break;
      }
      case Grammar::Kind::kCall:
        places = ends(grammar_.body(node.rule), from);
        break;
      case Grammar::Kind::kTable:
        break;
    }
    return ends_[memo_key(expr, from)] = places;
  }

  Places ends_of_all(Grammar::Expr expr, Places from) {
    Places places = 0;
    for (std::int64_t place = 0; place <= size(); ++place) {
      if ((from & bit(place)) != 0) places |= ends(expr, place);
    }
    return places;
  }

  // Whether the text from `from` on begins one of the expression's texts.
  bool reaches_end(Grammar::Expr expr, std::int64_t from) {
    const auto known = reaches_.find(memo_key(expr, from));
    if (known != reaches_.end()) return known->second;
    return reaches_[memo_key(expr, from)] = find_reaches_end(expr, from);
  }

  bool one_reaches_end(Grammar::Expr expr, Places from) {
    for (std::int64_t place = 0; place <= size(); ++place) {
      if ((from & bit(place)) != 0 && reaches_end(expr, place)) return true;
    }
    return false;
  }

  bool find_reaches_end(Grammar::Expr expr, std::int64_t from) {
    if (!gives(expr)) return false;
    if (from == size()) return true;
    const Grammar::Node& node = grammar_.node(expr);
    switch (node.kind) {
      case Grammar::Kind::kNothing:
      case Grammar::Kind::kEmpty:
        return false;
      case Grammar::Kind::kBytes:
      case Grammar::Kind::kToken:
        return from + 1 == size() &&
               reads(node, text_[static_cast<std::size_t>(from)]);
      case Grammar::Kind::kSequence: {
        Places places = bit(from);
        for (const Grammar::Expr part : node.parts) {
          if (one_reaches_end(part, places)) return true;
          places = ends_of_all(part, places);
        }
        return false;
      }
      case Grammar::Kind::kChoice:
        for (const Grammar::Expr part : node.parts) {
          if (reaches_end(part, from)) return true;
        }
        return false;
      case Grammar::Kind::kRepeat: {
        Places places = bit(from);
        for (std::int64_t i = 0; i != node.max && places != 0; ++i) {
          if (one_reaches_end(node.parts.front(), places)) return true;
          if (i > node.min + size() + 1) return false;
          places = ends_of_all(node.parts.front(), places);
        }
        return false;
      }
      case Grammar::Kind::kCall:
        return reaches_end(grammar_.body(node.rule), from);
      case Grammar::Kind::kTable:
        break;
    }
    return false;
  }

  const Grammar& grammar_;
  std::vector<char> rule_gives_;  // [rule]
  Text text_;
  std::unordered_map<std::int64_t, Places> ends_;  // by memo_key
  std::unordered_map<std::int64_t, bool> reaches_;
  std::map<std::pair<Grammar::Expr, Text>, bool> begins_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_TESTING_REFERENCE_H_
