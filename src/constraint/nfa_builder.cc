#include "constraint/nfa_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {

Nfa NfaBuilder::build(Grammar::Expr expr) {
  nfa_ = Nfa(states_left_);
  write(expr, nfa_.start(), nfa_.end());
  return finish();
}

Nfa NfaBuilder::build_rule(Grammar::Rule rule) {
  nfa_ = Nfa(states_left_);
  if (graph_.is_right_linear(rule)) {
    write_copy(rule, nfa_.start(), nfa_.end());
  } else {
    write(grammar_.body(rule), nfa_.start(), nfa_.end());
  }
  return finish();
}

Nfa NfaBuilder::finish() {
  states_left_ -= nfa_.states();
  return std::move(nfa_);
}

void NfaBuilder::write(Grammar::Expr expr, Nfa::State from, Nfa::State to) {
  const Grammar::Node& node = grammar_.node(expr);
  if (++depth_ > RuleGraph::kMostDepth) {
    throw UsageError(
        fmt::format("the constraint is too large: expressions are nested more "
                    "than {} deep",
                    RuleGraph::kMostDepth));
  }
  switch (node.kind) {
    case Grammar::Kind::kNothing:
      break;
    case Grammar::Kind::kEmpty:
      nfa_.add_empty(from, to);
      break;
    case Grammar::Kind::kBytes:
      nfa_.add_bytes(from, node.bytes, to);
      break;
    case Grammar::Kind::kTable:
      write_table(*node.table, from, to);
      break;
    case Grammar::Kind::kSequence:
      write_sequence(node, from, to);
      break;
    case Grammar::Kind::kChoice:
      for (const Grammar::Expr part : node.parts) write(part, from, to);
      break;
    case Grammar::Kind::kToken:
    case Grammar::Kind::kRepeat:
    case Grammar::Kind::kCall:
      if (node.kind == Grammar::Kind::kCall && copy_ != nullptr &&
          to == copy_->end && graph_.component(node.rule) == copy_->component) {
        nfa_.add_empty(from, start_in(*copy_, node.rule));
      } else if (const std::optional<std::int32_t> symbol = symbol_of_(expr)) {
        if (*symbol != kNoText) nfa_.add_symbol(from, *symbol, to);
      } else if (node.kind == Grammar::Kind::kCall) {
        write_call(node.rule, from, to);
      } else if (node.kind == Grammar::Kind::kRepeat) {
        write_repeat(node, from, to);
      } else {
        throw UsageError("a special token cannot be part of a pattern");
      }
      break;
  }
  --depth_;
}

void NfaBuilder::write_sequence(const Grammar::Node& node, Nfa::State from,
                                Nfa::State to) {
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    const bool is_last = i + 1 == node.parts.size();
    const Nfa::State next = is_last ? to : nfa_.add_state();
    write(node.parts[i], from, next);
    from = next;
  }
}

void NfaBuilder::write_repeat(const Grammar::Node& node, Nfa::State from,
                              Nfa::State to) {
  const Grammar::Expr part = node.parts.front();
  if (node.min == 0 && node.max == 1) {  // a call in it may be the last thing
    nfa_.add_empty(from, to);
    return write(part, from, to);
  }
  refuse_copies(node);
  for (std::int64_t i = 0; i < node.min; ++i) {
    const Nfa::State next = nfa_.add_state();
    write(part, from, next);
    from = next;
  }
  if (node.max == Grammar::kUnlimited) {
    const Nfa::State loop = nfa_.add_state();
    nfa_.add_empty(from, loop);
    write(part, loop, loop);
    from = loop;
  }
  for (std::int64_t i = node.min; i < node.max; ++i) {
    const Nfa::State next = nfa_.add_state();
    nfa_.add_empty(from, to);
    write(part, from, next);
    from = next;
  }
  nfa_.add_empty(from, to);
}

// Nested repeats multiply: what they come to is known before it is written.
void NfaBuilder::refuse_copies(const Grammar::Node& repeat) {
  const std::int64_t copies = std::max(repeat.min + 1, repeat.max);
  if (copies > kMostCopied ||
      copies * written_states(repeat.parts.front()) > kMostCopied) {
    throw UsageError(
        fmt::format("the constraint is too large: its repeats, written out, "
                    "have more than {} parts",
                    kMostCopied));
  }
}

std::int64_t NfaBuilder::written_states(Grammar::Expr expr) {
  const auto known = written_states_.find(expr);
  if (known != written_states_.end()) return known->second;
  const Grammar::Node& node = grammar_.node(expr);
  std::int64_t states = 1;
  if (node.kind == Grammar::Kind::kRepeat && symbol_of_(expr).has_value()) {
    return states;
  }
  if (node.kind == Grammar::Kind::kTable) states += node.table->size();
  for (const Grammar::Expr part : node.parts) states += written_states(part);
  if (node.kind == Grammar::Kind::kRepeat) {
    states *= std::min(std::max(node.min + 1, node.max), kMostCopied);
  }
  states = std::min(states, kMostCopied);
  written_states_.emplace(expr, states);
  return states;
}

void NfaBuilder::write_table(const TransitionTable& table, Nfa::State from,
                             Nfa::State to) {
  std::vector<Nfa::State> states;  // [state of the table]
  for (std::int32_t state = 0; state < table.size(); ++state) {
    states.push_back(nfa_.add_state());
  }
  nfa_.add_empty(from, states.front());
  for (std::int32_t state = 0; state < table.size(); ++state) {
    const Nfa::State its = states[static_cast<std::size_t>(state)];
    if (table.accepting(state)) nfa_.add_empty(its, to);
    for (const auto& [target, bytes] : table.targets(state)) {
      nfa_.add_bytes(its, bytes, states[static_cast<std::size_t>(target)]);
    }
  }
}

void NfaBuilder::write_call(Grammar::Rule rule, Nfa::State from,
                            Nfa::State to) {
  if (!graph_.is_right_linear(rule)) {
    throw UsageError(
        fmt::format("rule '{}' calls itself elsewhere than at its end: that is "
                    "no regular expression",
                    grammar_.name(rule)));
  }
  write_copy(rule, from, to);
}

void NfaBuilder::write_copy(Grammar::Rule rule, Nfa::State from,
                            Nfa::State to) {
  Copy copy{.component = graph_.component(rule), .end = to};
  Copy* const outer = std::exchange(copy_, &copy);
  nfa_.add_empty(from, start_in(copy, rule));
  while (!copy.open.empty()) {
    const Grammar::Rule next = copy.open.back();
    copy.open.pop_back();
    write(grammar_.body(next), start_in(copy, next), to);
  }
  copy_ = outer;
}

Nfa::State NfaBuilder::start_in(Copy& copy, Grammar::Rule rule) {
  const auto [place, is_new] = copy.starts.try_emplace(rule, 0);
  if (is_new) {
    place->second = nfa_.add_state();
    copy.open.push_back(rule);
  }
  return place->second;
}

}  // namespace pilotfish
