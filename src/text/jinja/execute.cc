#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/access.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/interpreter_level.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {

Interpreter::Interpreter(Runtime& runtime, const Dict& variables)
    : rt_(runtime), scope_(std::make_shared<Scope>(nullptr)) {
  for (const auto& [name, value] : variables.entries()) {
    if (name.string() != nullptr) scope_->set(name.string()->text, value);
  }
}

std::string Interpreter::run(const Block& block) {
  execute(block);
  return std::move(output_);
}

void Interpreter::print(std::string_view text) {
  rt_.check_size(output_.size() + text.size());
  rt_.charge(text.size() / kBytesPerUnit);
  output_ += text;
}

std::shared_ptr<Scope> Interpreter::enter(std::shared_ptr<Scope> parent) {
  return std::exchange(scope_, std::make_shared<Scope>(std::move(parent)));
}

std::string Interpreter::captured(const Block& block, Flow& flow) {
  std::string outer = std::exchange(output_, {});
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
    print(string->text);
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

std::shared_ptr<const Values> Interpreter::loop_items(const For& node) {
  const Value iterable = evaluate(*node.iterable);
  rt_.at(node.iterable->position);
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
  const auto items = loop_items(node);
  rt_.at(at.position);
  Loop* loop = rt_.make_loop(items);
  const auto outer = scope_;
  Flow flow = Flow::kNormal;
  for (; loop->index < items->size() && flow != Flow::kBreak; ++loop->index) {
    rt_.at(at.position);
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

Interpreter::Flow Interpreter::execute(const Statement&, const Set& node) {
  assign(node.target, evaluate(*node.value));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::execute(const Statement&, const Capture& node) {
  Flow flow = Flow::kNormal;
  const auto outer = enter(scope_);
  std::string text = captured(node.body, flow);
  if (flow != Flow::kNormal) {
    scope_ = outer;
    return flow;
  }
  Value value = rt_.string(std::move(text));
  for (const FilterStep& step : node.filters) {
    const Arguments arguments = evaluate_arguments(step.arguments);
    rt_.at(step.position);
    value = invoke(rt_, *step.filter, value, arguments);
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
    print(call_macro(*body, {}).string()->text);
    return Flow::kNormal;
  }
  const auto& call_node = std::get<CallOf>(node.call->node);
  const Value callee = evaluate(*call_node.callee);
  Arguments arguments = evaluate_arguments(call_node.arguments);
  arguments.named.emplace_back("caller", Value(body));
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
  std::string text = captured(macro.definition->body, flow);
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
    const auto found = std::find_if(
        parameters.begin(), parameters.end(),
        [&, wanted = name](const Parameter& p) { return p.name == wanted; });
    if (found != parameters.end()) {
      bind(static_cast<size_t>(found - parameters.begin()), value);
    } else if (macro.takes_caller && name == "caller") {
      scope_->set("caller", value);
    } else if (macro.takes_kwargs) {
      rt_.insert(kwargs, Value(std::string(name)), value);
    } else {
      rt_.fail(fmt::format("the macro '{}' has no parameter '{}'", macro.name,
                           name));
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

}  // namespace pilotfish::jinja
