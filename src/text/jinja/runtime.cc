#include "text/jinja/runtime.h"

#include <fmt/core.h>

#include <algorithm>

namespace pilotfish::jinja {
namespace {

bool has_marks(const Value& value) {
  return value.string() != nullptr && !value.string()->marks.empty();
}

bool has_marks(const Value& input, const Arguments& arguments) {
  return has_marks(input) ||
         std::ranges::any_of(arguments.positional,
                             [](const Value& v) { return has_marks(v); }) ||
         std::ranges::any_of(arguments.named, [](const auto& argument) {
           return has_marks(argument.second);
         });
}

// Built-ins read their texts a bounded number of times.
void charge_text(Runtime& rt, const Value& value) {
  if (const String* string = value.string()) {
    rt.charge(string->text.size() / kBytesPerUnit);
  }
}

}  // namespace

std::tm system_clock() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  localtime_r(&now, &local);
  return local;
}

void Runtime::refuse_undefined(const Value& value) const {
  if (const auto* undefined = value.get<Undefined>()) fail(*undefined->why);
}

void Runtime::charge(size_t units) {
  work_ += units;
  if (work_ > kMaxWork) {
    fail(fmt::format("rendering takes more than the {} steps allowed",
                     kMaxWork));
  }
}

void Runtime::check_size(size_t bytes) const {
  if (bytes > kMaxStringBytes) {
    fail(fmt::format("a text longer than the {} bytes allowed",
                     kMaxStringBytes));
  }
}

void Runtime::check_nesting(size_t nesting) const {
  if (nesting > kMaxNesting) {
    fail(fmt::format("values nested deeper than the {} levels allowed",
                     kMaxNesting));
  }
}

Value Runtime::string(std::string text, bool markup) {
  Marks marks;
  if (given_marks_) marks = Marks::whole(text.size());
  return string(String{std::move(text), markup, std::move(marks)});
}

Value Runtime::string(String text) {
  const size_t mark_bytes = text.marks.ranges().size() * sizeof(TextRange);
  check_size(text.text.size());
  charge(1 + (text.text.size() + mark_bytes) / kBytesPerUnit);
  text_bytes_ += text.text.size() + mark_bytes;
  if (text_bytes_ > kMaxTextBytes) {
    fail(fmt::format("rendering makes more than the {} bytes of text allowed",
                     kMaxTextBytes));
  }
  return Value(std::move(text));
}

Value Runtime::sequence(SequenceKind kind, Values items) {
  charge(1 + items.size());
  auto made = make_sequence(kind, std::move(items));
  check_nesting(made->nesting);
  return Value(std::move(made));
}

Value Runtime::generator(Values items) {
  charge(1 + items.size());
  const size_t nesting = 1 + nesting_of(items);
  check_nesting(nesting);
  return Value(
      std::make_shared<Generator>(Generator{std::move(items), 0, nesting}));
}

Value Runtime::dict(Dict dict) {
  check_nesting(dict.nesting());
  return Value(std::make_shared<const Dict>(std::move(dict)));
}

void Runtime::insert(Dict& dict, Value key, Value value) {
  if (!Dict::is_key(key)) {
    refuse_undefined(key);
    fail(fmt::format("a value of type '{}' cannot be a dictionary's key",
                     type_name(key)));
  }
  charge(4);  // a hash table's entry is dearer than a list's
  dict.set(std::move(key), std::move(value));
}

Value Runtime::undefined(std::string why) {
  charge(1);
  return Value(Undefined{std::make_shared<const std::string>(std::move(why))});
}

Namespace* Runtime::make_namespace() {
  charge(4);
  return &namespaces_.emplace_back();
}

Loop* Runtime::make_loop(std::shared_ptr<const Values> items) {
  charge(4);
  Loop& loop = loops_.emplace_back();
  loop.items = std::move(items);
  return &loop;
}

Cycler* Runtime::make_cycler(Values items) {
  charge(4 + items.size());
  return &cyclers_.emplace_back(Cycler{std::move(items)});
}

Joiner* Runtime::make_joiner(Value separator) {
  charge(4);
  return &joiners_.emplace_back(Joiner{std::move(separator)});
}

const Macro* Runtime::make_macro(Macro macro) {
  charge(4);
  return &macros_.emplace_back(std::move(macro));
}

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
    const auto found =
        std::find(parameters.begin(), parameters.end(), name.text);
    const auto i = static_cast<size_t>(found - parameters.begin());
    if (found == parameters.end()) {
      rt.fail(
          fmt::format("'{}' has no parameter '{}'", function.name, name.text));
    }
    if (bound_[i] != nullptr) {
      rt.fail(
          fmt::format("'{}' is given '{}' twice", function.name, name.text));
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

const String& Call::string(size_t parameter) const {
  if (const String* string = get(parameter)->string()) return *string;
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
  const bool before = rt.set_given_marks(has_marks(input, arguments));
  Value result = function.apply(call);
  rt.set_given_marks(before);
  return result;
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
