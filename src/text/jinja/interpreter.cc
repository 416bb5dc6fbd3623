#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "text/jinja/access.h"
#include "text/jinja/ast.h"
#include "text/jinja/builtins.h"
#include "text/jinja/parser.h"
#include "text/jinja/printer.h"
#include "text/jinja/runtime.h"
#include "text/jinja/template.h"

namespace pilotfish::jinja {
namespace {

// Walks a parsed template once.
class Interpreter {
 public:
  // `runtime` and `variables` must outlive the interpreter.
  Interpreter(Runtime& runtime, const Dict& variables);

  String run(const Block& block);

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
  void add_named(const Value& value, Arguments& arguments);
  Value invoke_named(const NamedBuiltin& named, std::string_view kind,
                     const Value& input, const Arguments& arguments);
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
  std::shared_ptr<const Values> loop_items(const For& node,
                                           const Value& iterable);
  Flow run_loop(Position position, const For& node, const Value& iterable,
                size_t depth);
  Value call_loop(const Loop& loop, const Arguments& arguments);
  Value call_macro(const Macro& macro, const Arguments& arguments);
  void bind_arguments(const MacroDefinition& macro, const Arguments& arguments);
  void assign(const Target& target, const Value& value);

  // Runs `block` in a scope of its own within `parent`, its output kept apart.
  String captured(const Block& block, Flow& flow);
  void print(const String& text);
  // Replaces the current scope by a new one within `parent`, and gives it back.
  std::shared_ptr<Scope> enter(std::shared_ptr<Scope> parent);

  Runtime& rt_;
  std::shared_ptr<Scope> scope_;
  String output_;
  size_t level_ = 0;
};

class Interpreter::Level {
 public:
  Level(Interpreter& interpreter, Position position)
      : level_(interpreter.level_) {
    interpreter.rt_.at(position);
    interpreter.rt_.charge(1);
    if (++level_ > kMaxCallDepth) {
      interpreter.rt_.fail(
          fmt::format("more than the {} evaluations within "
                      "one another allowed",
                      kMaxCallDepth));
    }
  }
  ~Level() { --level_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  size_t& level_;
};

Interpreter::Interpreter(Runtime& runtime, const Dict& variables)
    : rt_(runtime), scope_(std::make_shared<Scope>(nullptr)) {
  for (const auto& [name, value] : variables.entries()) {
    if (name.string() != nullptr) scope_->set(name.string()->text, value);
  }
}

String Interpreter::run(const Block& block) {
  execute(block);
  return std::move(output_);
}

void Interpreter::print(const String& text) {
  rt_.check_size(output_.text.size() + text.text.size());
  rt_.charge(text.text.size() / kBytesPerUnit);
  output_.append(text);
}

std::shared_ptr<Scope> Interpreter::enter(std::shared_ptr<Scope> parent) {
  return std::exchange(scope_, std::make_shared<Scope>(std::move(parent)));
}

String Interpreter::captured(const Block& block, Flow& flow) {
  String outer = std::exchange(output_, {});
  flow = execute(block);
  return std::exchange(output_, std::move(outer));
}

Interpreter::Flow Interpreter::execute(const Block& block) {
  for (const auto& statement : block) {
    const Level level(*this, statement->position);
    const Flow flow =
        std::visit([&](const auto& node) { return execute(*statement, node); },
                   statement->node);
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement&, const Text& node) {
  print(node.text);
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement&, const Output& node) {
  const Value value = evaluate(*node.value);
  rt_.at(node.value->position);
  if (const String* string = value.string()) {
    print(*string);
  } else {
    print(to_text(rt_, value));
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement&, const If& node) {
  for (const If::Branch& branch : node.branches) {
    if (is_true(evaluate(*branch.condition))) return execute(branch.body);
  }
  return execute(node.otherwise);
}

std::shared_ptr<const Values> Interpreter::loop_items(const For& node,
                                                      const Value& iterable) {
  auto items = iterate(rt_, iterable);
  if (node.condition == nullptr) return items;
  auto kept = std::make_shared<Values>();
  const auto outer = enter(scope_);
  for (const Value& item : *items) {
    assign(node.target, item);
    if (is_true(evaluate(*node.condition))) kept->push_back(item);
  }
  scope_ = outer;
  return kept;
}

Interpreter::Flow Interpreter::execute(const Statement& at, const For& node) {
  const Value iterable = evaluate(*node.iterable);
  rt_.at(node.iterable->position);
  return run_loop(at.position, node, iterable, 0);
}

Interpreter::Flow Interpreter::run_loop(Position position, const For& node,
                                        const Value& iterable, size_t depth) {
  const auto items = loop_items(node, iterable);
  rt_.at(position);
  Loop* loop = rt_.make_loop(items);
  const auto outer = scope_;
  if (node.recursive) {
    loop->body = &node;
    loop->scope = outer;
    loop->depth = depth;
  }
  Flow flow = Flow::kNormal;
  for (; loop->index < items->size() && flow != Flow::kBreak; ++loop->index) {
    rt_.at(position);
    rt_.charge(4);  // a scope's price
    enter(outer);
    scope_->set("loop", Value(loop));
    assign(node.target, (*items)[loop->index]);
    flow = execute(node.body);
  }
  flow = Flow::kNormal;
  if (items->empty()) {
    enter(outer);
    flow = execute(node.otherwise);
  }
  scope_ = outer;
  return flow;
}

// loop(items) in a recursive for block: the text of the block for these items.
Value Interpreter::call_loop(const Loop& loop, const Arguments& arguments) {
  if (loop.body == nullptr) {
    rt_.fail("'loop' is called in a for block that is not recursive");
  }
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    rt_.fail("'loop' takes one argument: what to loop over");
  }
  const Position position = rt_.position();
  const Level level(*this, position);
  const auto scope = std::exchange(scope_, loop.scope);
  String output = std::exchange(output_, {});
  run_loop(position, *loop.body, arguments.positional.front(), loop.depth + 1);
  scope_ = scope;
  return rt_.string(std::exchange(output_, std::move(output)));
}

Interpreter::Flow Interpreter::execute(const Statement&, const Set& node) {
  assign(node.target, evaluate(*node.value));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement&, const Capture& node) {
  Flow flow = Flow::kNormal;
  const auto outer = enter(scope_);
  String text = captured(node.body, flow);
  if (flow != Flow::kNormal) {
    scope_ = outer;
    return flow;
  }
  Value value = rt_.string(std::move(text));
  for (const FilterStep& step : node.filters) {
    const Arguments arguments = evaluate_arguments(step.arguments);
    value = invoke_named(step.filter, "filter", value, arguments);
  }
  scope_ = outer;
  if (node.target) {
    assign(*node.target, value);
  } else {
    print(to_text(rt_, value));
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement&, const With& node) {
  // Every value is computed before any name is bound.
  Values values;
  for (const auto& variable : node.variables) {
    values.push_back(evaluate(*variable.second));
  }
  const auto outer = enter(scope_);
  for (size_t i = 0; i < values.size(); ++i) {
    assign(node.variables[i].first, values[i]);
  }
  const Flow flow = execute(node.body);
  scope_ = outer;
  return flow;
}

Interpreter::Flow Interpreter::execute(const Statement&,
                                       const MacroDefinition& node) {
  scope_->set(node.name, Value(rt_.make_macro({&node, scope_})));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement& at,
                                       const CallBlock& node) {
  const Macro* body = rt_.make_macro({&node.body, scope_});
  if (node.call == nullptr) {
    print(*call_macro(*body, {}).string());
    return Flow::kNormal;
  }
  const auto& call_node = std::get<CallOf>(node.call->node);
  const Value callee = evaluate(*call_node.callee);
  Arguments arguments = evaluate_arguments(call_node.arguments);
  arguments.named.emplace_back(String{"caller"}, Value(body));
  rt_.at(at.position);
  print(to_text(rt_, call(callee, arguments)));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement&, const Break&) {
  return Flow::kBreak;
}

Interpreter::Flow Interpreter::execute(const Statement&, const Continue&) {
  return Flow::kContinue;
}

Value Interpreter::call_macro(const Macro& macro, const Arguments& arguments) {
  const Level level(*this, rt_.position());
  const auto outer = enter(macro.scope);
  bind_arguments(*macro.definition, arguments);
  Flow flow = Flow::kNormal;
  String text = captured(macro.definition->body, flow);
  scope_ = outer;
  return rt_.string(std::move(text));
}

void Interpreter::bind_arguments(const MacroDefinition& macro,
                                 const Arguments& arguments) {
  const auto& parameters = macro.parameters;
  const Values& positional = arguments.positional;
  std::vector<bool> bound(parameters.size(), false);
  const auto bind = [&](size_t i, const Value& value) {
    if (bound[i]) {
      rt_.fail(fmt::format("the macro '{}' is given '{}' twice", macro.name,
                           parameters[i].name));
    }
    scope_->set(parameters[i].name, value);
    bound[i] = true;
  };
  const size_t matched = std::min(positional.size(), parameters.size());
  for (size_t i = 0; i < matched; ++i) bind(i, positional[i]);
  const auto surplus = positional.begin() + static_cast<ptrdiff_t>(matched);
  if (macro.takes_varargs) {
    scope_->set("varargs", rt_.tuple(Values(surplus, positional.end())));
  } else if (matched < positional.size()) {
    rt_.fail(fmt::format("the macro '{}' takes at most {} arguments, not {}",
                         macro.name, parameters.size(), positional.size()));
  }
  if (macro.takes_caller) {
    scope_->set("caller", rt_.undefined("no caller is defined"));
  }
  Dict kwargs;
  for (const auto& [name, value] : arguments.named) {
    const auto found =
        std::find_if(parameters.begin(), parameters.end(),
                     [&, &wanted = name.text](const Parameter& parameter) {
                       return parameter.name == wanted;
                     });
    if (found != parameters.end()) {
      bind(static_cast<size_t>(found - parameters.begin()), value);
    } else if (macro.takes_caller && name.text == "caller") {
      scope_->set("caller", value);
    } else if (macro.takes_kwargs) {
      rt_.insert(kwargs, Value(name), value);
    } else {
      rt_.fail(fmt::format("the macro '{}' has no parameter '{}'", macro.name,
                           name.text));
    }
  }
  if (macro.takes_kwargs) scope_->set("kwargs", rt_.dict(std::move(kwargs)));
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (bound[i]) continue;
    scope_->set(parameters[i].name,
                parameters[i].otherwise != nullptr
                    ? evaluate(*parameters[i].otherwise)
                    : rt_.undefined(fmt::format("the parameter '{}' was not "
                                                "provided",
                                                parameters[i].name)));
  }
}

void Interpreter::assign(const Target& target, const Value& value) {
  if (target.is_tuple) {
    rt_.at(target.position);
    rt_.refuse_undefined(value);
    const auto items = iterate(rt_, value);
    if (items->size() != target.elements.size()) {
      rt_.fail(fmt::format("{} names for {} values", target.elements.size(),
                           items->size()));
    }
    for (size_t i = 0; i < items->size(); ++i) {
      assign(target.elements[i], (*items)[i]);
    }
    return;
  }
  if (target.attribute.empty()) {
    scope_->set(target.name, value);
    return;
  }
  rt_.at(target.position);
  const Value* object = scope_->find(target.name);
  Namespace* const* scope =
      object == nullptr ? nullptr : object->get<Namespace*>();
  if (scope == nullptr) {
    rt_.fail(
        fmt::format("'{}' is not a namespace, so that its attributes "
                    "cannot be set",
                    target.name));
  }
  rt_.insert((*scope)->attributes, rt_.string(target.attribute), value);
}

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
  if (arguments.more_positional != nullptr) {
    const auto items = iterate(rt_, evaluate(*arguments.more_positional));
    rt_.charge(items->size());
    evaluated.positional.insert(evaluated.positional.end(), items->begin(),
                                items->end());
  }
  for (const auto& [name, argument] : arguments.named) {
    evaluated.named.emplace_back(String{name}, evaluate(*argument));
  }
  if (arguments.more_named != nullptr) {
    add_named(evaluate(*arguments.more_named), evaluated);
  }
  return evaluated;
}

// f(**value)
void Interpreter::add_named(const Value& value, Arguments& arguments) {
  const Dict* dict = value.dict();
  if (dict == nullptr) {
    rt_.refuse_undefined(value);
    rt_.fail(fmt::format("'**' expects a mapping, not a value of type '{}'",
                         type_name(value)));
  }
  for (const auto& [key, entry] : dict->entries()) {
    rt_.charge(1 + arguments.named.size());
    const String* name = key.string();
    if (name == nullptr) rt_.fail("'**' expects a mapping with texts as keys");
    for (const auto& given : arguments.named) {
      if (given.first.text != name->text) continue;
      rt_.fail(fmt::format("the argument '{}' is given twice", name->text));
    }
    arguments.named.emplace_back(*name, entry);
  }
}

Value Interpreter::invoke_named(const NamedBuiltin& named,
                                std::string_view kind, const Value& input,
                                const Arguments& arguments) {
  rt_.at(named.position);
  if (named.builtin == nullptr) {
    rt_.fail(fmt::format("unknown {} '{}'", kind, named.name));
  }
  return invoke(rt_, *named.builtin, input, arguments);
}

Value Interpreter::evaluate(const Expression& at, const CallOf& node) {
  const Value callee = evaluate(*node.callee);
  const Arguments arguments = evaluate_arguments(node.arguments);
  rt_.at(at.position);
  return call(callee, arguments);
}

Value Interpreter::evaluate(const Expression&, const FilterOf& node) {
  const Value input = evaluate(*node.input);
  const Arguments arguments = evaluate_arguments(node.arguments);
  return invoke_named(node.filter, "filter", input, arguments);
}

Value Interpreter::evaluate(const Expression&, const TestOf& node) {
  const Value input = evaluate(*node.input);
  const Arguments arguments = evaluate_arguments(node.arguments);
  return invoke_named(node.test, "test", input, arguments);
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
  if (Loop* const* loop = callee.get<Loop*>()) {
    return call_loop(**loop, arguments);
  }
  if (Joiner* const* joiner = callee.get<Joiner*>()) {
    return std::exchange((*joiner)->used, true) ? (*joiner)->separator
                                                : rt_.string("");
  }
  rt_.refuse_undefined(callee);
  rt_.fail(
      fmt::format("a value of type '{}' cannot be called", type_name(callee)));
}

}  // namespace

Template::Template(std::string_view source) : block_(parse_template(source)) {}

String Template::render(const Dict& variables, Clock clock,
                        bool* quotes_json) const {
  Runtime runtime(clock);
  String output = Interpreter(runtime, variables).run(block_);
  if (quotes_json != nullptr) *quotes_json = runtime.quoted_json();
  return output;
}

}  // namespace pilotfish::jinja
