#include "constraint/left_recursion.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pilotfish {
namespace {

using Expr = Grammar::Expr;
using Kind = Grammar::Kind;

std::size_t index(std::int64_t expr) { return static_cast<std::size_t>(expr); }

// Spreads from what is empty by itself to what that makes empty.
class EmptyFinder {
 public:
  explicit EmptyFinder(const Grammar& grammar)
      : grammar_(grammar),
        found_(index(grammar.exprs())),
        missing_(index(grammar.exprs())),
        users_(index(grammar.exprs())) {}

  std::vector<bool> find() {
    for (Expr expr = 0; expr < grammar_.exprs(); ++expr) enter(expr);
    while (!open_.empty()) {
      const Expr part = open_.back();
      open_.pop_back();
      for (const Expr user : users_[index(part)]) {
        if (--missing_[index(user)] == 0) add(user);
      }
    }
    return std::move(found_);
  }

 private:
  void enter(Expr expr) {
    const Grammar::Node& node = grammar_.node(expr);
    const auto needs = [&](std::span<const Expr> parts, std::int64_t how_many) {
      missing_[index(expr)] = how_many;
      for (const Expr part : parts) users_[index(part)].push_back(expr);
    };
    switch (node.kind) {
      case Kind::kEmpty:
        return add(expr);
      case Kind::kSequence:
        return needs(node.parts, std::ssize(node.parts));
      case Kind::kChoice:
        return needs(node.parts, 1);
      case Kind::kRepeat:
        if (node.min == 0) return add(expr);
        return needs(node.parts, 1);
      case Kind::kCall: {
        const Expr body = grammar_.body(node.rule);
        return needs({&body, 1}, 1);
      }
      case Kind::kNothing:
      case Kind::kBytes:
      case Kind::kToken:
        return;
    }
  }

  void add(Expr expr) {
    found_[index(expr)] = true;
    open_.push_back(expr);
  }

  const Grammar& grammar_;
  std::vector<bool> found_;
  std::vector<std::int64_t> missing_;     // parts that must still be empty
  std::vector<std::vector<Expr>> users_;  // what each is a part of
  std::vector<Expr> open_;
};

// Follows what can come first in each expression, depth first, with a stack of
// its own: a chain of rules may be long.
class CircleFinder {
 public:
  explicit CircleFinder(const Grammar& grammar)
      : grammar_(grammar),
        empty_(may_be_empty(grammar)),
        seen_(index(grammar.exprs())) {}

  std::vector<Grammar::Rule> find() {
    for (Grammar::Rule rule = 0; rule < grammar_.rules(); ++rule) {
      enter(grammar_.body(rule));
      while (!path_.empty()) {
        Step& step = path_.back();
        if (step.next == step.firsts.size()) {
          seen_[index(step.expr)] = Seen::kDone;
          path_.pop_back();
          continue;
        }
        const Expr first = step.firsts[step.next++];
        if (seen_[index(first)] == Seen::kOnPath) return circle(first);
        enter(first);
      }
    }
    return {};
  }

 private:
  enum class Seen : std::uint8_t { kNo, kOnPath, kDone };
  struct Step {
    Expr expr;
    std::vector<Expr> firsts;
    std::size_t next = 0;
  };

  void enter(Expr expr) {
    if (seen_[index(expr)] != Seen::kNo) return;
    seen_[index(expr)] = Seen::kOnPath;
    path_.push_back({expr, firsts(expr)});
  }

  std::vector<Expr> firsts(Expr expr) const {
    const Grammar::Node& node = grammar_.node(expr);
    if (node.kind == Kind::kCall) return {grammar_.body(node.rule)};
    if (node.kind != Kind::kSequence) return node.parts;
    std::vector<Expr> parts;
    for (const Expr part : node.parts) {
      parts.push_back(part);
      if (!empty_[index(part)]) break;
    }
    return parts;
  }

  std::vector<Grammar::Rule> circle(Expr from) const {
    std::vector<Grammar::Rule> rules;
    const auto begin = std::ranges::find(path_, from, &Step::expr);
    for (auto step = begin; step != path_.end(); ++step) {
      const Grammar::Node& node = grammar_.node(step->expr);
      if (node.kind == Kind::kCall) rules.push_back(node.rule);
    }
    return rules;
  }

  const Grammar& grammar_;
  std::vector<bool> empty_;
  std::vector<Seen> seen_;
  std::vector<Step> path_;
};

}  // namespace

std::vector<bool> may_be_empty(const Grammar& grammar) {
  return EmptyFinder(grammar).find();
}

std::vector<Grammar::Rule> find_left_recursion(const Grammar& grammar) {
  return CircleFinder(grammar).find();
}

}  // namespace pilotfish
