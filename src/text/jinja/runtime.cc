#include "text/jinja/runtime.h"

#include <fmt/format.h>

namespace pilotfish::jinja {

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
  check_size(text.size());
  charge(1 + text.size() / kBytesPerUnit);
  text_bytes_ += text.size();
  if (text_bytes_ > kMaxTextBytes) {
    fail(fmt::format("rendering makes more than the {} bytes of text allowed",
                     kMaxTextBytes));
  }
  return Value(std::move(text), markup);
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

const Macro* Runtime::make_macro(Macro macro) {
  charge(4);
  return &macros_.emplace_back(std::move(macro));
}

}  // namespace pilotfish::jinja
