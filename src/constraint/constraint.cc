#include "pilotfish/constraint.h"

#include <utility>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/effort.h"
#include "constraint/gbnf.h"
#include "constraint/grammar.h"
#include "constraint/regex.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

std::shared_ptr<const Constraint> compiled(const Grammar& grammar) {
  return std::make_shared<const Constraint>(Automaton::compile(grammar));
}

}  // namespace

Constraint::Constraint(std::shared_ptr<const Automaton> automaton)
    : automaton_(std::move(automaton)) {}

std::shared_ptr<const Constraint> Constraint::regex(std::string_view pattern) {
  const Effort effort;
  Grammar grammar;
  grammar.set_start(regex_to_grammar(grammar, pattern));
  return compiled(grammar);
}

std::shared_ptr<const Constraint> Constraint::gbnf(std::string_view source) {
  const Effort effort;
  return compiled(gbnf_to_grammar(source));
}

std::shared_ptr<const Constraint> Constraint::choice(
    std::span<const std::string> texts) {
  if (texts.empty()) throw UsageError("a choice needs at least one text");
  Grammar grammar;
  std::vector<Grammar::Expr> parts;
  for (const std::string& text : texts) parts.push_back(grammar.text(text));
  grammar.set_start(grammar.choice(std::move(parts)));
  return compiled(grammar);
}

}  // namespace pilotfish
