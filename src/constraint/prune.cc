#include "constraint/prune.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "constraint/grammar_facts.h"

namespace pilotfish {
namespace {

using Expr = Grammar::Expr;
using Kind = Grammar::Kind;

class Pruner {
 public:
  explicit Pruner(Grammar& grammar)
      : grammar_(grammar),
        size_(static_cast<Expr>(grammar.exprs())),
        gives_text_(exprs_with_texts(grammar)) {}

  Expr run(Expr expr, Grammar::Rule first) {
    if (std::ranges::count(gives_text_, 0) == 1) return expr;  // nothing()
    rewrite();
    for (Grammar::Rule rule = first; rule < grammar_.rules(); ++rule) {
      grammar_.define(rule, rewritten(grammar_.body(rule)));
    }
    return rewritten(expr);
  }

 private:
  bool gives_text(Expr expr) const {
    return gives_text_[static_cast<std::size_t>(expr)] != 0;
  }
  Expr rewritten(Expr expr) const {
    return rewritten_[static_cast<std::size_t>(expr)];
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
  const Expr size_;                     // how many expressions there were
  const std::vector<char> gives_text_;  // [expr]
  std::vector<Expr> rewritten_;         // [expr]
};

}  // namespace

Grammar::Expr remove_unproductive(Grammar& grammar, Grammar::Expr expr,
                                  Grammar::Rule first) {
  return Pruner(grammar).run(expr, first);
}

}  // namespace pilotfish
