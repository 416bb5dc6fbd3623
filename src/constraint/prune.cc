#include "constraint/prune.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pilotfish {
namespace {

using Expr = Grammar::Expr;
using Kind = Grammar::Kind;

class Pruner {
 public:
  explicit Pruner(Grammar& grammar)
      : grammar_(grammar),
        size_(static_cast<Expr>(grammar.exprs())),
        gives_text_(static_cast<std::size_t>(size_), false) {}

  Expr run(Expr expr, Grammar::Rule first) {
    find_productive();
    if (std::ranges::count(gives_text_, false) == 1) return expr;  // nothing()
    rewrite();
    for (Grammar::Rule rule = first; rule < grammar_.rules(); ++rule) {
      grammar_.define(rule, rewritten(grammar_.body(rule)));
    }
    return rewritten(expr);
  }

 private:
  bool gives_text(Expr expr) const {
    return gives_text_[static_cast<std::size_t>(expr)];
  }
  Expr rewritten(Expr expr) const {
    return rewritten_[static_cast<std::size_t>(expr)];
  }

  bool is_productive(const Grammar::Node& node) const {
    const auto known = [&](Expr part) { return gives_text(part); };
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

  // Parts are older than what they are part of, so that few rounds are needed.
  void find_productive() {
    for (bool changed = true; changed;) {
      changed = false;
      for (Expr expr = 0; expr < size_; ++expr) {
        if (gives_text(expr) || !is_productive(grammar_.node(expr))) continue;
        gives_text_[static_cast<std::size_t>(expr)] = true;
        changed = true;
      }
    }
  }

  void rewrite() {
    for (Expr expr = 0; expr < size_; ++expr) {
      rewritten_.push_back(gives_text(expr) ? without(expr)
                                            : grammar_.nothing());
    }
  }

  Expr without(Expr expr) {
    const Grammar::Node node = grammar_.node(expr);
    std::vector<Expr> parts = node.parts;
    for (Expr& part : parts) part = rewritten(part);
    if (parts == node.parts) return expr;
    switch (node.kind) {
      case Kind::kSequence:
        return grammar_.sequence(std::move(parts));
      case Kind::kChoice:
        return grammar_.choice(std::move(parts));
      case Kind::kRepeat:
        return grammar_.repeat(parts[0], node.min, node.max);
      default:
        return expr;
    }
  }

  Grammar& grammar_;
  const Expr size_;               // how many expressions there were
  std::vector<bool> gives_text_;  // [expr]
  std::vector<Expr> rewritten_;   // [expr]
};

}  // namespace

Grammar::Expr remove_unproductive(Grammar& grammar, Grammar::Expr expr,
                                  Grammar::Rule first) {
  return Pruner(grammar).run(expr, first);
}

}  // namespace pilotfish
