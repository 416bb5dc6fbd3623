#ifndef PILOTFISH_TEXT_JINJA_INTERPRETER_H_
#define PILOTFISH_TEXT_JINJA_INTERPRETER_H_

#include <memory>
#include <string>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/runtime.h"
#include "text/jinja/scope.h"

namespace pilotfish::jinja {

// Walks a parsed template once. evaluate.cc holds the expressions, execute.cc
// the statements.
class Interpreter {
 public:
  // `runtime` and `variables` must outlive the interpreter.
  Interpreter(Runtime& runtime, const Dict& variables);

  std::string run(const Block& block);

 private:
  // How a block ended: a break or continue unwinds to its loop.
  enum class Flow { kNormal, kBreak, kContinue };

  // Counts evaluations within evaluations, and fails where they are too many.
  class Level;

  Value evaluate(const Expression& expression);
  Value evaluate_optional(const ExpressionPtr& expression);
  Value evaluate(const Expression& at, const Literal& node);
  Value evaluate(const Expression& at, const Name& node);
  Value evaluate(const Expression& at, const ListDisplay& node);
  Value evaluate(const Expression& at, const DictDisplay& node);
  Value evaluate(const Expression& at, const Unary& node);
  Value evaluate(const Expression& at, const Binary& node);
  Value evaluate(const Expression& at, const Logical& node);
  Value evaluate(const Expression& at, const Comparison& node);
  Value evaluate(const Expression& at, const Conditional& node);
  Value evaluate(const Expression& at, const AttributeOf& node);
  Value evaluate(const Expression& at, const ItemOf& node);
  Value evaluate(const Expression& at, const SliceOf& node);
  Value evaluate(const Expression& at, const CallOf& node);
  Value evaluate(const Expression& at, const FilterOf& node);
  Value evaluate(const Expression& at, const TestOf& node);
  Arguments evaluate_arguments(const CallArguments& arguments);
  bool compare(CompareOp op, const Value& left, const Value& right);
  Value call(const Value& callee, const Arguments& arguments);

  Flow execute(const Block& block);
  Flow execute(const Statement& at, const Text& node);
  Flow execute(const Statement& at, const Output& node);
  Flow execute(const Statement& at, const If& node);
  Flow execute(const Statement& at, const For& node);
  Flow execute(const Statement& at, const Set& node);
  Flow execute(const Statement& at, const Capture& node);
  Flow execute(const Statement& at, const With& node);
  Flow execute(const Statement& at, const MacroDefinition& node);
  Flow execute(const Statement& at, const CallBlock& node);
  Flow execute(const Statement& at, const Break& node);
  Flow execute(const Statement& at, const Continue& node);
  // The items a for block visits, its condition applied.
  std::shared_ptr<const Values> loop_items(const For& node);
  Value call_macro(const Macro& macro, const Arguments& arguments);
  void bind_arguments(const MacroDefinition& macro, const Arguments& arguments);
  void assign(const Target& target, const Value& value);

  // Runs `block` in a scope of its own within `parent`, its output kept apart.
  std::string captured(const Block& block, Flow& flow);
  void print(std::string_view text);
  // Replaces the current scope by a new one within `parent`, and gives it back.
  std::shared_ptr<Scope> enter(std::shared_ptr<Scope> parent);

  Runtime& rt_;
  std::shared_ptr<Scope> scope_;
  std::string output_;
  size_t level_ = 0;
};

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_INTERPRETER_H_
