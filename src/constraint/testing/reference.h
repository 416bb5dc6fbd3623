#ifndef PILOTFISH_CONSTRAINT_TESTING_REFERENCE_H_
#define PILOTFISH_CONSTRAINT_TESTING_REFERENCE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/grammar.h"

namespace pilotfish::test {

// What a grammar gives, straight from its definition and by no automaton: every
// expression says which stretches of a text it matches. Slow, and only for
// grammars without left recursion. Texts are lists of letters: bytes, and
// special tokens from kSpecial on.
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
    return ends(expr, 0).contains(size());
  }
  // Whether something can be added to `text` that makes it one of the
  // expression's, nothing included.
  bool can_begin(Grammar::Expr expr, const Text& text) {
    start(text);
    return reaches_end(expr, 0);
  }

 private:
  using Places = std::set<std::int64_t>;

  std::int64_t size() const { return std::ssize(text_); }

  void start(const Text& text) {
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
    const auto known = ends_.find({expr, from});
    if (known != ends_.end()) return known->second;
    const Grammar::Node& node = grammar_.node(expr);
    Places places;
    switch (node.kind) {
      case Grammar::Kind::kNothing:
        break;
      case Grammar::Kind::kEmpty:
        places = {from};
        break;
      case Grammar::Kind::kBytes:
      case Grammar::Kind::kToken:
        if (from < size() &&
            reads(node, text_[static_cast<std::size_t>(from)])) {
          places = {from + 1};
        }
        break;
      case Grammar::Kind::kSequence:
        places = {from};
        for (const Grammar::Expr part : node.parts) {
          places = ends_of_all(part, places);
        }
        break;
      case Grammar::Kind::kChoice:
        for (const Grammar::Expr part : node.parts) {
          places.merge(ends(part, from));
        }
        break;
      case Grammar::Kind::kRepeat: {
        Places now = {from};
        for (std::int64_t i = 0; !now.empty(); ++i) {
          if (i >= node.min) places.insert(now.begin(), now.end());
          if (i == node.max || i > node.min + size() + 1) break;
          now = ends_of_all(node.parts.front(), now);
        }
        break;
      }
      case Grammar::Kind::kCall:
        places = ends(grammar_.body(node.rule), from);
        break;
    }
    return ends_[{expr, from}] = places;
  }

  Places ends_of_all(Grammar::Expr expr, const Places& from) {
    Places places;
    for (const std::int64_t place : from) places.merge(ends(expr, place));
    return places;
  }

  // Whether the text from `from` on begins one of the expression's texts.
  bool reaches_end(Grammar::Expr expr, std::int64_t from) {
    const auto known = reaches_.find({expr, from});
    if (known != reaches_.end()) return known->second;
    return reaches_[{expr, from}] = find_reaches_end(expr, from);
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
        Places places = {from};
        for (const Grammar::Expr part : node.parts) {
          for (const std::int64_t place : places) {
            if (reaches_end(part, place)) return true;
          }
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
        Places places = {from};
        for (std::int64_t i = 0; i != node.max && !places.empty(); ++i) {
          for (const std::int64_t place : places) {
            if (reaches_end(node.parts.front(), place)) return true;
          }
          if (i > node.min + size() + 1) return false;
          places = ends_of_all(node.parts.front(), places);
        }
        return false;
      }
      case Grammar::Kind::kCall:
        return reaches_end(grammar_.body(node.rule), from);
    }
    return false;
  }

  const Grammar& grammar_;
  std::vector<char> rule_gives_;  // [rule]
  Text text_;
  std::map<std::pair<Grammar::Expr, std::int64_t>, Places> ends_;
  std::map<std::pair<Grammar::Expr, std::int64_t>, bool> reaches_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_TESTING_REFERENCE_H_
