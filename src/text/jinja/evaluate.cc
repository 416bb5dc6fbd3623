#include <fmt/format.h>

#include "text/jinja/access.h"
#include "text/jinja/globals.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/interpreter_level.h"

namespace pilotfish::jinja {

Value Interpreter::evaluate(const Expression& expression) {
  const Level level(*this, expression.position);
  return std::visit(
      [&](const auto& node) { return evaluate(expression, node); },
      expression.node);
}

Value Interpreter::evaluate_optional(const ExpressionPtr& expression) {
  return expression == nullptr ? Value() : evaluate(*expression);
}

Value Interpreter::evaluate(const Expression&, const Literal& node) {
  return node.value;
}

Value Interpreter::evaluate(const Expression&, const Name& node) {
  if (const Value* value = scope_->find(node.name)) return *value;
  if (const Builtin* global = find_global(node.name)) return Value(global);
  return rt_.undefined(fmt::format("'{}' is undefined", node.name));
}

Value Interpreter::evaluate(const Expression& at, const ListDisplay& node) {
  Values items;
  items.reserve(node.items.size());
  for (const auto& item : node.items) items.push_back(evaluate(*item));
  rt_.at(at.position);
  return rt_.sequence(node.kind, std::move(items));
}

Value Interpreter::evaluate(const Expression& at, const DictDisplay& node) {
  Dict dict;
  for (const auto& [key, value] : node.entries) {
    Value name = evaluate(*key);
    Value entry = evaluate(*value);
    rt_.at(at.position);
    rt_.insert(dict, std::move(name), std::move(entry));
  }
  return rt_.dict(std::move(dict));
}

Value Interpreter::evaluate(const Expression& at, const Unary& node) {
  const Value operand = evaluate(*node.operand);
  rt_.at(at.position);
  switch (node.op) {
    case UnaryOp::kNegate:
      return negate(rt_, operand);
    case UnaryOp::kIdentity:
      return identity(rt_, operand);
    case UnaryOp::kNot:
      break;
  }
  return Value(!is_true(operand));
}

Value Interpreter::evaluate(const Expression& at, const Binary& node) {
  const Value left = evaluate(*node.left);
  const Value right = evaluate(*node.right);
  rt_.at(at.position);
  return apply(rt_, node.op, left, right);
}

Value Interpreter::evaluate(const Expression&, const Logical& node) {
  Value left = evaluate(*node.left);
  if (is_true(left) != node.is_and) return left;
  return evaluate(*node.right);
}

bool Interpreter::compare(CompareOp op, const Value& left, const Value& right) {
  switch (op) {
    case CompareOp::kEqual:
      return equal(rt_, left, right);
    case CompareOp::kNotEqual:
      return !equal(rt_, left, right);
    case CompareOp::kLess:
      return less(rt_, left, right);
    case CompareOp::kLessEqual:
      return less_or_equal(rt_, left, right);
    case CompareOp::kGreater:
      return less(rt_, right, left);
    case CompareOp::kGreaterEqual:
      return less_or_equal(rt_, right, left);
    case CompareOp::kIn:
      return contains(rt_, right, left);
    case CompareOp::kNotIn:
      break;
  }
  return !contains(rt_, right, left);
}

Value Interpreter::evaluate(const Expression& at, const Comparison& node) {
  Value left = evaluate(*node.first);
  for (const auto& [op, operand] : node.links) {
    Value right = evaluate(*operand);
    rt_.at(at.position);
    if (!compare(op, left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::evaluate(const Expression& at, const Conditional& node) {
  if (is_true(evaluate(*node.condition))) return evaluate(*node.value);
  if (node.otherwise != nullptr) return evaluate(*node.otherwise);
  rt_.at(at.position);
  return rt_.undefined("the inline 'if' is false and has no 'else'");
}

Value Interpreter::evaluate(const Expression& at, const AttributeOf& node) {
  const Value object = evaluate(*node.object);
  rt_.at(at.position);
  return get_attribute(rt_, object, node.name);
}

Value Interpreter::evaluate(const Expression& at, const ItemOf& node) {
  const Value object = evaluate(*node.object);
  const Value index = evaluate(*node.index);
  rt_.at(at.position);
  return get_item(rt_, object, index);
}

Value Interpreter::evaluate(const Expression& at, const SliceOf& node) {
  const Value object = evaluate(*node.object);
  const Value start = evaluate_optional(node.start);
  const Value stop = evaluate_optional(node.stop);
  const Value step = evaluate_optional(node.step);
  rt_.at(at.position);
  return get_slice(rt_, object, start, stop, step);
}

Arguments Interpreter::evaluate_arguments(const CallArguments& arguments) {
  Arguments evaluated;
  for (const auto& argument : arguments.positional) {
    evaluated.positional.push_back(evaluate(*argument));
  }
  for (const auto& [name, argument] : arguments.named) {
    evaluated.named.emplace_back(name, evaluate(*argument));
  }
  return evaluated;
}

Value Interpreter::evaluate(const Expression& at, const CallOf& node) {
  const Value callee = evaluate(*node.callee);
  const Arguments arguments = evaluate_arguments(node.arguments);
  rt_.at(at.position);
  return call(callee, arguments);
}

Value Interpreter::evaluate(const Expression& at, const FilterOf& node) {
  const Value input = evaluate(*node.input);
  const Arguments arguments = evaluate_arguments(node.arguments);
  rt_.at(at.position);
  return invoke(rt_, *node.filter, input, arguments);
}

Value Interpreter::evaluate(const Expression& at, const TestOf& node) {
  const Value input = evaluate(*node.input);
  const Arguments arguments = evaluate_arguments(node.arguments);
  rt_.at(at.position);
  return invoke(rt_, *node.test, input, arguments);
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  if (const Macro* const* macro = callee.get<const Macro*>()) {
    return call_macro(**macro, arguments);
  }
  if (const Builtin* const* function = callee.get<const Builtin*>()) {
    return invoke(rt_, **function, callee, arguments);
  }
  if (const auto* method = callee.get<std::shared_ptr<const Method>>()) {
    return invoke(rt_, *(*method)->function, (*method)->receiver, arguments);
  }
  rt_.refuse_undefined(callee);
  rt_.fail(
      fmt::format("a value of type '{}' cannot be called", type_name(callee)));
}

}  // namespace pilotfish::jinja
