#include "constraint/grammar_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <unordered_set>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Finds the expressions that hold, given that a letter does or does not: a
// sequence where all its parts do, a choice where one does. Each conclusion is
// drawn once, so that it takes time in proportion to the grammar.
std::vector<char> least_fixpoint(const Grammar& grammar, bool letter_holds) {
  const auto count = static_cast<std::size_t>(grammar.exprs());
  std::vector<char> holds(count, 0);
  std::vector<std::size_t> missing(count, 1);  // parts that must hold yet
  std::vector<std::vector<Grammar::Expr>> users(count);
  std::vector<Grammar::Expr> open;
  const auto conclude = [&](Grammar::Expr expr) {
    char& mark = holds[static_cast<std::size_t>(expr)];
    if (mark == 0) open.push_back(expr);
    mark = 1;
  };
  for (Grammar::Expr expr = 0; expr < grammar.exprs(); ++expr) {
    const Grammar::Node& node = grammar.node(expr);
    const auto use = [&](Grammar::Expr part) {
      users[static_cast<std::size_t>(part)].push_back(expr);
    };
    switch (node.kind) {
      case Grammar::Kind::kNothing:
        break;
      case Grammar::Kind::kEmpty:
        conclude(expr);
        break;
      case Grammar::Kind::kBytes:
      case Grammar::Kind::kToken:
        if (letter_holds) conclude(expr);
        break;
      case Grammar::Kind::kTable:
        if (letter_holds || node.table->accepting(0)) conclude(expr);
        break;
      case Grammar::Kind::kSequence:
        missing[static_cast<std::size_t>(expr)] = node.parts.size();
        std::ranges::for_each(node.parts, use);
        break;
      case Grammar::Kind::kChoice:
        std::ranges::for_each(node.parts, use);
        break;
      case Grammar::Kind::kRepeat:
        if (node.min == 0) conclude(expr);
        use(node.parts.front());
        break;
      case Grammar::Kind::kCall:
        use(grammar.body(node.rule));
        break;
    }
  }
  while (!open.empty()) {
    const Grammar::Expr expr = open.back();
    open.pop_back();
    for (const Grammar::Expr user : users[static_cast<std::size_t>(expr)]) {
      std::size_t& left = missing[static_cast<std::size_t>(user)];
      if (left > 0 && --left == 0) conclude(user);
    }
  }
  return holds;
}

// Follows the rules that a rule can begin with until one comes again.
class LeftRecursion {
 public:
  LeftRecursion(const Grammar& grammar, const std::vector<char>& nullable)
      : grammar_(grammar),
        nullable_(nullable),
        state_(static_cast<std::size_t>(grammar.rules()), State::kNew) {}

  // The rules of a circle that the rule leads to and no earlier one did.
  std::vector<Grammar::Rule> search(Grammar::Rule root) {
    if (state_[static_cast<std::size_t>(root)] != State::kNew) return {};
    enter(root);
    while (!visits_.empty()) {
      Visit& visit = visits_.back();
      if (visit.firsts.empty()) {
        state_[static_cast<std::size_t>(visit.rule)] = State::kDone;
        visits_.pop_back();
        continue;
      }
      const Grammar::Rule next = visit.firsts.back();
      visit.firsts.pop_back();
      const State state = state_[static_cast<std::size_t>(next)];
      if (state == State::kOpen) return circle(next);
      if (state == State::kNew) enter(next);
    }
    return {};
  }

 private:
  enum class State : std::uint8_t { kNew, kOpen, kDone };
  struct Visit {
    Grammar::Rule rule;
    std::vector<Grammar::Rule> firsts;  // to be followed yet
  };

  void enter(Grammar::Rule rule) {
    state_[static_cast<std::size_t>(rule)] = State::kOpen;
    Visit& visit = visits_.emplace_back(Visit{rule, {}});
    seen_.clear();
    find_firsts(grammar_.body(rule), visit.firsts);
  }

  // The rules that an expression can begin with.
  void find_firsts(Grammar::Expr expr, std::vector<Grammar::Rule>& firsts) {
    const Grammar::Node& node = grammar_.node(expr);
    if (node.kind == Grammar::Kind::kCall) firsts.push_back(node.rule);
    if (node.parts.empty() || !seen_.insert(expr).second) return;
    for (const Grammar::Expr part : node.parts) {
      find_firsts(part, firsts);
      if (node.kind == Grammar::Kind::kSequence &&
          nullable_[static_cast<std::size_t>(part)] == 0) {
        return;
      }
    }
  }

  std::vector<Grammar::Rule> circle(Grammar::Rule rule) const {
    std::vector<Grammar::Rule> rules;
    auto visit = std::ranges::find(visits_, rule, &Visit::rule);
    for (; visit != visits_.end(); ++visit) rules.push_back(visit->rule);
    return rules;
  }

  const Grammar& grammar_;
  const std::vector<char>& nullable_;
  std::vector<State> state_;  // [rule]
  std::vector<Visit> visits_;
  std::unordered_set<Grammar::Expr> seen_;
};

}  // namespace

std::vector<char> exprs_with_texts(const Grammar& grammar) {
  return least_fixpoint(grammar, true);
}

std::vector<char> nullable_exprs(const Grammar& grammar) {
  return least_fixpoint(grammar, false);
}

std::vector<Grammar::Rule> find_left_recursion(
    const Grammar& grammar, std::span<const Grammar::Rule> rules,
    const std::vector<char>& nullable) {
  LeftRecursion search(grammar, nullable);
  for (const Grammar::Rule rule : rules) {
    auto circle = search.search(rule);
    if (!circle.empty()) return circle;
  }
  return {};
}

std::string describe_circle(const Grammar& grammar,
                            std::span<const Grammar::Rule> circle) {
  constexpr std::size_t kMostNames = 8;
  std::string names;
  for (const Grammar::Rule rule :
       circle.first(std::min(circle.size(), kMostNames))) {
    names += grammar.name(rule) + " -> ";
  }
  if (circle.size() > kMostNames) names += "... -> ";
  return names + grammar.name(circle.front());
}

void refuse_left_recursion(const Grammar& grammar, const RuleGraph& graph,
                           const std::vector<char>& nullable) {
  const auto circle = find_left_recursion(grammar, graph.rules(), nullable);
  if (circle.empty()) return;
  throw UsageError(fmt::format(
      "rule '{}' is left-recursive, which cannot be enforced: it "
      "can begin with itself ({}); write a repetition instead",
      grammar.name(circle.front()), describe_circle(grammar, circle)));
}

}  // namespace pilotfish
