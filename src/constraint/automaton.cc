#include "constraint/automaton.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "constraint/effort.h"
#include "constraint/grammar_facts.h"
#include "constraint/nfa_builder.h"
#include "constraint/plain_text.h"
#include "constraint/rule_graph.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Where more bytes than these can follow a state, what a vocabulary has for it
// takes long to find, and is worth finding once for all the places that need
// it: such rules stay rules of their own.
constexpr int kWide = 32;

bool is_wide(const TransitionTable& table) {
  for (std::int32_t state = 0; state < table.size(); ++state) {
    int bytes = 0;
    for (const auto& edge : table.byte_edges(state)) {
      bytes += edge.last - edge.first + 1;
    }
    if (bytes > kWide) return true;
  }
  return false;
}

// Whether repeats of it can be counted: no unit is empty or begins another one,
// and one is begun exactly where its first state is left.
bool can_be_counted(const TransitionTable& unit) {
  for (std::int32_t state = 0; state < unit.size(); ++state) {
    if (unit.accepting(state) && !unit.is_last(state)) return false;
    for (const auto& edge : unit.byte_edges(state)) {
      if (edge.to == 0) return false;
    }
  }
  return !unit.accepting(0) && !unit.byte_edges(0).empty();
}

}  // namespace

class AutomatonCompiler {
 public:
  explicit AutomatonCompiler(const Grammar& grammar)
      : grammar_(grammar),
        graph_(grammar, grammar.start()),
        has_texts_(exprs_with_texts(grammar)),
        builder_(grammar, graph_,
                 [this](Grammar::Expr expr) { return symbol_of(expr); }) {
    refuse_left_recursion(grammar, graph_, nullable_exprs(grammar));
    find_kinds_of_rules();
  }

  std::shared_ptr<const Automaton> run() {
    if (!has_texts(grammar_.start())) {
      throw UsageError("no text at all can satisfy the constraint");
    }
    add_table(determinised(builder_.build(grammar_.start())), false);
    while (!open_.empty()) {
      const Grammar::Rule rule = open_.back();
      open_.pop_back();
      rule_starts_[rule] = automaton_->table_.size();
      const Grammar::Node& body = grammar_.node(grammar_.body(rule));
      if (body.kind == Grammar::Kind::kTable) {
        add_table(*body.table, false);
        continue;
      }
      const auto built = built_.find(rule);
      add_table(determinised(built != built_.end() ? built->second
                                                   : builder_.build_rule(rule)),
                false);
    }
    add_counted_units();
    for (const auto& [rule, symbol] : rule_symbols_) {
      symbol_at(symbol).start = rule_starts_.at(rule);
    }
    return std::move(automaton_);
  }

 private:
  enum class RuleKind : std::uint8_t { kCalled, kInline };

  bool has_texts(Grammar::Expr expr) const {
    return has_texts_[static_cast<std::size_t>(expr)] != 0;
  }
  Automaton::Symbol& symbol_at(std::int32_t id) {
    return automaton_->symbols_[static_cast<std::size_t>(id)];
  }

  // Small rules are copied to where they are called.
  void find_kinds_of_rules() {
    const auto rules = static_cast<std::size_t>(grammar_.rules());
    regular_.assign(rules, 0);
    kinds_.assign(rules, RuleKind::kCalled);
    for (const Grammar::Rule rule : graph_.rules()) {
      const auto at = static_cast<std::size_t>(rule);
      if (!graph_.is_right_linear(rule) || !is_regular_body(rule)) continue;
      regular_[at] = 1;
    }
    for (const Grammar::Rule rule : graph_.rules()) {
      if (graph_.is_entry(rule) && is_small(rule)) {
        kinds_[static_cast<std::size_t>(rule)] = RuleKind::kInline;
        built_.erase(rule);
      }
    }
  }

  // Whether it has no tokens, and calls regular rules and its own component.
  bool is_regular_body(Grammar::Rule rule) {
    for (const Grammar::Rule callee : graph_.callees(rule)) {
      if (graph_.component(callee) != graph_.component(rule) &&
          regular_[static_cast<std::size_t>(callee)] == 0) {
        return false;
      }
    }
    return !has_tokens(grammar_.body(rule));
  }

  bool has_tokens(Grammar::Expr expr) {
    const auto known = has_tokens_.find(expr);
    if (known != has_tokens_.end()) return known->second;
    const Grammar::Node& node = grammar_.node(expr);
    bool found = node.kind == Grammar::Kind::kToken;
    for (const Grammar::Expr part : node.parts) {
      found = found || has_tokens(part);
    }
    has_tokens_[expr] = found;
    return found;
  }

  bool is_regular(Grammar::Expr expr) {
    const RuleGraph graph(grammar_, expr);
    return !has_tokens(expr) &&
           std::ranges::all_of(graph.rules(), [&](Grammar::Rule rule) {
             return regular_[static_cast<std::size_t>(rule)] != 0;
           });
  }

  bool is_small(Grammar::Rule rule) {
    constexpr std::int64_t kMostNfaStates = 300;
    constexpr std::int32_t kMostStates = 20;
    constexpr std::int32_t kMostTableStates = 8;
    if (regular_[static_cast<std::size_t>(rule)] == 0) return false;
    const Grammar::Node& body = grammar_.node(grammar_.body(rule));
    if (body.kind == Grammar::Kind::kTable) {
      return body.table->size() <= kMostTableStates && !is_wide(*body.table);
    }
    const Nfa& nfa = built_[rule] = builder_.build_rule(rule);
    if (nfa.has_symbols() || nfa.states() > kMostNfaStates) return false;
    const auto table = nfa.try_determinise(kMostNfaStates);
    if (!table.has_value()) return false;
    const TransitionTable minimal = table->minimal();
    return minimal.size() <= kMostStates && !is_wide(minimal);
  }

  std::optional<std::int32_t> symbol_of(Grammar::Expr expr) {
    if (!has_texts(expr)) return NfaBuilder::kNoText;
    const Grammar::Node& node = grammar_.node(expr);
    switch (node.kind) {
      case Grammar::Kind::kToken:
        return token_symbol(node.token);
      case Grammar::Kind::kCall:
        if (kinds_[static_cast<std::size_t>(node.rule)] == RuleKind::kInline) {
          return std::nullopt;
        }
        return rule_symbol(node.rule);
      case Grammar::Kind::kRepeat:
        return count_symbol(expr);
      default:
        return std::nullopt;
    }
  }

  std::int32_t new_symbol(const Automaton::Symbol& symbol) {
    automaton_->symbols_.push_back(symbol);
    return static_cast<std::int32_t>(automaton_->symbols_.size() - 1);
  }

  std::int32_t token_symbol(Token token) {
    const auto [place, is_new] = token_symbols_.try_emplace(token, 0);
    if (is_new) {
      place->second =
          new_symbol({.kind = Automaton::Symbol::Kind::kToken, .token = token});
    }
    return place->second;
  }

  std::int32_t rule_symbol(Grammar::Rule rule) {
    const auto [place, is_new] = rule_symbols_.try_emplace(rule, 0);
    if (is_new) {
      place->second = new_symbol({.kind = Automaton::Symbol::Kind::kCall});
      open_.push_back(rule);
    }
    return place->second;
  }

  // Many repeats of what can be counted are counted.
  std::optional<std::int32_t> count_symbol(Grammar::Expr expr) {
    const auto known = count_symbols_.find(expr);
    if (known != count_symbols_.end()) return known->second;
    const Grammar::Node& node = grammar_.node(expr);
    const bool unlimited = node.max == Grammar::kUnlimited;
    const std::int64_t copies = unlimited ? node.min : node.max;
    std::optional<std::int32_t>& symbol = count_symbols_[expr];
    if (copies <= kFewCopies) return symbol;
    const TransitionTable* unit = counted_unit(node.parts.front());
    if (unit == nullptr) return symbol;
    if (!is_wide(*unit) && copies * unit->size() <= kSmallCopies) return symbol;
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    if (node.min > kMost || node.max > kMost) {
      throw UsageError(fmt::format(
          "the constraint is too large: something is repeated more than {} "
          "times",
          kMost));
    }
    symbol =
        new_symbol({.kind = Automaton::Symbol::Kind::kCount,
                    .min = static_cast<std::int32_t>(node.min),
                    .max = unlimited ? Automaton::kUnlimited
                                     : static_cast<std::int32_t>(node.max)});
    unit_users_[node.parts.front()].push_back(*symbol);
    return symbol;
  }

  // nullptr where the expression cannot be counted.
  const TransitionTable* counted_unit(Grammar::Expr expr) {
    constexpr std::int64_t kMostStates = 1000;
    constexpr std::int64_t kMostWritten = 20'000;
    const auto [place, is_new] = units_.try_emplace(expr);
    std::optional<TransitionTable>& unit = place->second;
    if (is_new && is_regular(expr)) {
      NfaBuilder builder(grammar_, graph_,
                         [](Grammar::Expr) { return std::nullopt; });
      if (builder.written_states(expr) > kMostWritten) return nullptr;
      unit = builder.build(expr).try_determinise(kMostStates);
      if (unit.has_value()) unit = unit->minimal();
      if (unit.has_value() && !can_be_counted(*unit)) unit.reset();
    }
    return unit.has_value() ? &*unit : nullptr;
  }

  void add_counted_units() {
    for (const auto& [expr, symbols] : unit_users_) {
      const Automaton::State start = automaton_->table_.size();
      for (const std::int32_t symbol : symbols) symbol_at(symbol).start = start;
      add_table(*units_.at(expr), true);
    }
  }

  TransitionTable determinised(const Nfa& nfa) const {
    const std::int64_t left =
        Automaton::kMostStates - automaton_->table_.size();
    const std::optional<TransitionTable> table = nfa.try_determinise(left);
    if (!table.has_value()) {
      throw UsageError(fmt::format(
          "the constraint is too large: its automaton has more than {} states",
          Automaton::kMostStates));
    }
    return table->minimal();
  }

  void add_table(const TransitionTable& table, bool counted) {
    const Automaton::State first = automaton_->table_.size();
    std::vector<char> symbols;
    std::vector<char> ends_within;
    for (std::int32_t state = 0; state < table.size(); ++state) {
      symbols.push_back(table.symbol_edges(state).empty() ? 0 : 1);
      ends_within.push_back(
          table.accepting(state) && !table.is_last(state) ? 1 : 0);
    }
    symbols = table.reaching(std::move(symbols));
    ends_within = table.reaching(std::move(ends_within));
    const std::vector<char> plain_text = plain_text_states(table);
    for (std::int32_t state = 0; state < table.size(); ++state) {
      const auto at = static_cast<std::size_t>(state);
      automaton_->properties_.push_back({
          .unit_start = counted ? first : -1,
          .reads_tokens =
              std::ranges::any_of(table.symbol_edges(state),
                                  [&](const auto& edge) {
                                    return symbol_at(edge.symbol).kind ==
                                           Automaton::Symbol::Kind::kToken;
                                  }),
          .bytes_alone = symbols[at] == 0,
          .prefix_free = ends_within[at] == 0,
          .plain_text = plain_text[at] != 0,
      });
    }
    automaton_->table_.append(table);
  }

  static constexpr std::int64_t kFewCopies = 4;
  static constexpr std::int64_t kSmallCopies = 300;  // states

  const Grammar& grammar_;
  const RuleGraph graph_;
  const std::vector<char> has_texts_;  // [expr]
  NfaBuilder builder_;
  std::vector<char> regular_;    // [rule]
  std::vector<RuleKind> kinds_;  // [rule]
  std::unordered_map<Grammar::Expr, bool> has_tokens_;

  std::shared_ptr<Automaton> automaton_{new Automaton()};
  std::unordered_map<Grammar::Rule, Nfa> built_;  // of regular rules
  std::vector<Grammar::Rule> open_;               // called, and not written yet
  std::unordered_map<Grammar::Rule, std::int32_t> rule_symbols_;
  std::unordered_map<Grammar::Rule, Automaton::State> rule_starts_;
  std::unordered_map<Token, std::int32_t> token_symbols_;
  std::unordered_map<Grammar::Expr, std::optional<std::int32_t>> count_symbols_;
  std::unordered_map<Grammar::Expr, std::optional<TransitionTable>> units_;
  std::map<Grammar::Expr, std::vector<std::int32_t>> unit_users_;
};

std::shared_ptr<const Automaton> Automaton::compile(const Grammar& grammar) {
  const Effort effort;
  return AutomatonCompiler(grammar).run();
}

}  // namespace pilotfish
