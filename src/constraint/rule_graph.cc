#include "constraint/rule_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "pilotfish/error.h"

namespace pilotfish {

// Collects the calls in one body.
class CallFinder {
 public:
  explicit CallFinder(const Grammar& grammar) : grammar_(grammar) {}

  std::vector<RuleGraph::Call> find(Grammar::Expr body) {
    calls_.clear();
    seen_.clear();
    visit(body, true, 0);
    return calls_;
  }

 private:
  void visit(Grammar::Expr expr, bool last, int depth) {
    if (depth > RuleGraph::kMostDepth) {
      throw UsageError(
          fmt::format("the constraint is too large: expressions are nested "
                      "more than {} deep",
                      RuleGraph::kMostDepth));
    }
    const Grammar::Node& node = grammar_.node(expr);
    if (node.parts.empty() && node.kind != Grammar::Kind::kCall) return;
    if (!seen_.insert(2 * std::int64_t{expr} + (last ? 1 : 0)).second) return;
    if (node.kind == Grammar::Kind::kCall) {
      calls_.push_back({node.rule, last});
      return;
    }
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      const bool is_end =
          node.kind == Grammar::Kind::kChoice ||
          (node.kind == Grammar::Kind::kSequence &&
           i + 1 == node.parts.size()) ||
          (node.kind == Grammar::Kind::kRepeat && node.max == 1);
      visit(node.parts[i], last && is_end, depth + 1);
    }
  }

  const Grammar& grammar_;
  std::vector<RuleGraph::Call> calls_;
  std::unordered_set<std::int64_t> seen_;
};

RuleGraph::RuleGraph(const Grammar& grammar, Grammar::Expr root) {
  CallFinder finder(grammar);
  const std::vector<Call> from_root = finder.find(root);
  if (from_root.empty()) return;
  const auto rules = static_cast<std::size_t>(grammar.rules());
  calls_.resize(rules);
  std::vector<char> seen(rules, 0);
  std::vector<Grammar::Rule> open;
  const auto see = [&](const std::vector<Call>& found) {
    for (const Call& call : found) {
      char& mark = seen[static_cast<std::size_t>(call.rule)];
      if (mark == 0) open.push_back(call.rule);
      mark = 1;
    }
  };
  see(from_root);
  while (!open.empty()) {
    const Grammar::Rule rule = open.back();
    open.pop_back();
    auto& its = calls_[static_cast<std::size_t>(rule)];
    its = finder.find(grammar.body(rule));
    see(its);
  }
  component_.assign(rules, -1);
  find_components(from_root);
  find_properties(from_root);
}

std::vector<Grammar::Rule> RuleGraph::callees(Grammar::Rule rule) const {
  std::vector<Grammar::Rule> rules;
  for (const Call& call : calls_[static_cast<std::size_t>(rule)]) {
    rules.push_back(call.rule);
  }
  return rules;
}

void RuleGraph::find_properties(const std::vector<Call>& from_root) {
  entry_.assign(calls_.size(), 0);
  for (const Call& call : from_root) {
    entry_[static_cast<std::size_t>(call.rule)] = 1;
  }
  for (const Grammar::Rule rule : order_) {
    for (const Call& call : calls_[static_cast<std::size_t>(rule)]) {
      if (component(call.rule) != component(rule)) {
        entry_[static_cast<std::size_t>(call.rule)] = 1;
      } else if (!call.last) {
        right_linear_[static_cast<std::size_t>(component(rule))] = 0;
      }
    }
  }
}

// Tarjan's algorithm, with a stack of its own: a chain of rules may be long.
void RuleGraph::find_components(const std::vector<Call>& from_root) {
  struct Visit {
    Grammar::Rule rule;
    std::size_t next_call = 0;
  };
  std::vector<std::int32_t> index(calls_.size(), -1);
  std::vector<std::int32_t> low(calls_.size(), 0);
  std::vector<Grammar::Rule> path;
  std::vector<Visit> visits;
  std::int32_t next_index = 0;
  const auto enter = [&](Grammar::Rule rule) {
    const auto at = static_cast<std::size_t>(rule);
    index[at] = low[at] = next_index++;
    path.push_back(rule);
    visits.push_back({rule});
  };
  const auto close_component = [&](Grammar::Rule rule) {
    const auto id = static_cast<std::int32_t>(right_linear_.size());
    auto first = path.end() - 1;
    while (*first != rule) --first;
    for (auto member = first; member != path.end(); ++member) {
      component_[static_cast<std::size_t>(*member)] = id;
      order_.push_back(*member);
    }
    path.erase(first, path.end());
    right_linear_.push_back(1);
  };
  for (const Call& root : from_root) {
    if (index[static_cast<std::size_t>(root.rule)] < 0) enter(root.rule);
    while (!visits.empty()) {
      const Grammar::Rule rule = visits.back().rule;
      const auto at = static_cast<std::size_t>(rule);
      if (visits.back().next_call < calls_[at].size()) {
        const Grammar::Rule callee = calls_[at][visits.back().next_call++].rule;
        const auto to = static_cast<std::size_t>(callee);
        if (index[to] < 0) {
          enter(callee);
        } else if (component_[to] < 0) {
          low[at] = std::min(low[at], index[to]);
        }
        continue;
      }
      if (low[at] == index[at]) close_component(rule);
      visits.pop_back();
      if (!visits.empty()) {
        const auto caller = static_cast<std::size_t>(visits.back().rule);
        low[caller] = std::min(low[caller], low[at]);
      }
    }
  }
}

}  // namespace pilotfish
