#include "text/jinja/builtin.h"

#include <fmt/format.h>

#include <algorithm>

namespace pilotfish::jinja {
namespace {

// Built-ins read their texts a bounded number of times.
void charge_text(Runtime& rt, const Value& value) {
  if (const String* string = value.string()) {
    rt.charge(string->text.size() / kBytesPerUnit);
  }
}

}  // namespace

Call::Call(Runtime& runtime, const Builtin& function, const Value& receiver,
           const Arguments& arguments)
    : rt(runtime), input(receiver), raw(arguments), function_(function) {
  if (function.variadic) return;
  const auto& parameters = function.parameters;
  bound_.resize(parameters.size());
  if (raw.positional.size() > parameters.size()) {
    rt.fail(fmt::format("'{}' takes at most {} arguments, not {}",
                        function.name, parameters.size(),
                        raw.positional.size()));
  }
  for (size_t i = 0; i < raw.positional.size(); ++i) {
    bound_[i] = &raw.positional[i];
  }
  for (const auto& [name, value] : raw.named) {
    const auto found = std::find(parameters.begin(), parameters.end(), name);
    const auto i = static_cast<size_t>(found - parameters.begin());
    if (found == parameters.end()) {
      rt.fail(fmt::format("'{}' has no parameter '{}'", function.name, name));
    }
    if (bound_[i] != nullptr) {
      rt.fail(fmt::format("'{}' is given '{}' twice", function.name, name));
    }
    bound_[i] = &value;
  }
  for (size_t i = 0; i < function.required; ++i) {
    if (bound_[i] != nullptr) continue;
    rt.fail(fmt::format("'{}' needs the argument '{}'", function.name,
                        parameters[i]));
  }
}

const Value* Call::get_unless_none(size_t parameter) const {
  const Value* value = bound_[parameter];
  return value == nullptr || value->is_none() ? nullptr : value;
}

int64_t Call::integer(size_t parameter, int64_t otherwise) const {
  if (!has(parameter)) return otherwise;
  if (const int64_t* value = get(parameter)->integer()) return *value;
  rt.refuse_undefined(*get(parameter));
  rt.fail(
      fmt::format("'{}' expects an integer as '{}', not a value of type "
                  "'{}'",
                  function_.name, function_.parameters[parameter],
                  type_name(*get(parameter))));
}

bool Call::boolean(size_t parameter, bool otherwise) const {
  return has(parameter) ? is_true(*get(parameter)) : otherwise;
}

const std::string& Call::text(size_t parameter) const {
  if (const String* string = get(parameter)->string()) return string->text;
  rt.refuse_undefined(*get(parameter));
  rt.fail(
      fmt::format("'{}' expects a string as '{}', not a value of type "
                  "'{}'",
                  function_.name, function_.parameters[parameter],
                  type_name(*get(parameter))));
}

Value invoke(Runtime& rt, const Builtin& function, const Value& input,
             const Arguments& arguments) {
  rt.charge(1);
  charge_text(rt, input);
  for (const Value& argument : arguments.positional) charge_text(rt, argument);
  Call call(rt, function, input, arguments);
  return function.apply(call);
}

BuiltinTable::BuiltinTable(std::initializer_list<Builtin> builtins) {
  for (const Builtin& builtin : builtins) {
    builtins_.emplace(builtin.name, builtin);
  }
}

const Builtin* BuiltinTable::find(std::string_view name) const {
  const auto found = builtins_.find(name);
  return found == builtins_.end() ? nullptr : &found->second;
}

}  // namespace pilotfish::jinja
