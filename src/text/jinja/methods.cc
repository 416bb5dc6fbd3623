#include "text/jinja/methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "text/jinja/operators.h"

namespace pilotfish::jinja {
namespace {

Value dict_get(Call& call) {
  if (const Value* value = call.input.dict()->find(*call.get(0))) {
    return *value;
  }
  return call.has(1) ? *call.get(1) : Value();
}

Value dict_keys(Call& call) {
  Values keys;
  for (const auto& [key, value] : call.input.dict()->entries()) {
    keys.push_back(key);
  }
  return call.rt.sequence(SequenceKind::kKeys, std::move(keys));
}

Value dict_values(Call& call) {
  Values values;
  for (const auto& [key, value] : call.input.dict()->entries()) {
    values.push_back(value);
  }
  return call.rt.sequence(SequenceKind::kValues, std::move(values));
}

Value dict_items(Call& call) {
  Values items;
  for (const auto& [key, value] : call.input.dict()->entries()) {
    items.push_back(call.rt.tuple({key, value}));
  }
  return call.rt.sequence(SequenceKind::kItems, std::move(items));
}

// Nothing can change the copy, so it may be the original.
Value copy(Call& call) { return call.input; }

Value sequence_count(Call& call) {
  const Values& items = call.input.sequence()->items;
  return Value(static_cast<int64_t>(std::count_if(
      items.begin(), items.end(),
      [&](const Value& item) { return equal(call.rt, item, *call.get(0)); })));
}

Value sequence_index(Call& call) {
  const Values& items = call.input.sequence()->items;
  for (size_t i = 0; i < items.size(); ++i) {
    if (equal(call.rt, items[i], *call.get(0))) {
      return Value(static_cast<int64_t>(i));
    }
  }
  call.rt.fail("'index': the value is not in the list");
}

Value loop_cycle(Call& call) {
  const Values& choices = call.raw.positional;
  if (choices.empty()) call.rt.fail("loop.cycle needs at least one value");
  return choices[(*call.input.get<Loop*>())->index % choices.size()];
}

Value loop_changed(Call& call) {
  Loop& loop = **call.input.get<Loop*>();
  const Values& now = call.raw.positional;
  const bool same =
      loop.changed_before &&
      std::equal(now.begin(), now.end(), loop.last_changed.begin(),
                 loop.last_changed.end(), [&](const Value& a, const Value& b) {
                   return equal(call.rt, a, b);
                 });
  loop.last_changed = now;
  loop.changed_before = true;
  return Value(!same);
}

const Builtin* dict_method(std::string_view name) {
  static const BuiltinTable table = {
      {"get", {"key", "default"}, 1, dict_get},
      {"keys", {}, 0, dict_keys},
      {"values", {}, 0, dict_values},
      {"items", {}, 0, dict_items},
      {"copy", {}, 0, copy},
  };
  return table.find(name);
}

const Builtin* sequence_method(SequenceKind kind, std::string_view name) {
  static const BuiltinTable table = {
      {"count", {"value"}, 1, sequence_count},
      {"index", {"value"}, 1, sequence_index},
      {"copy", {}, 0, copy},
  };
  if (kind > SequenceKind::kRange) return nullptr;
  if (kind != SequenceKind::kList && name == "copy") return nullptr;
  return table.find(name);
}

const Builtin* loop_method(std::string_view name) {
  static const BuiltinTable table = {
      {"cycle", {}, 0, loop_cycle, true},
      {"changed", {}, 0, loop_changed, true},
  };
  return table.find(name);
}

bool changes_dict(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kNames = {
      "clear", "pop", "popitem", "setdefault", "update"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool changes_list(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "append", "clear",  "extend",  "insert",
      "pop",    "remove", "reverse", "sort"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

[[noreturn]] void refuse_change(Runtime& rt, const Value& object,
                                std::string_view name) {
  rt.fail(fmt::format("'{}' would change the '{}', which templates may not",
                      name, type_name(object)));
}

}  // namespace

const Builtin* find_method(Runtime& rt, const Value& object,
                           std::string_view name) {
  if (object.string() != nullptr) return find_string_method(rt, name);
  if (object.dict() != nullptr) {
    if (changes_dict(name)) refuse_change(rt, object, name);
    return dict_method(name);
  }
  if (const Sequence* sequence = object.sequence()) {
    const bool is_list = sequence->kind == SequenceKind::kList;
    if (is_list && changes_list(name)) refuse_change(rt, object, name);
    return sequence_method(sequence->kind, name);
  }
  return object.is<Loop*>() ? loop_method(name) : nullptr;
}

std::optional<Value> loop_attribute(Runtime& rt, const Loop& loop,
                                    std::string_view name) {
  const auto index = static_cast<int64_t>(loop.index);
  const auto size = static_cast<int64_t>(loop.items->size());
  if (name == "index") return Value(index + 1);
  if (name == "index0") return Value(index);
  if (name == "revindex") return Value(size - index);
  if (name == "revindex0") return Value(size - index - 1);
  if (name == "first") return Value(index == 0);
  if (name == "last") return Value(index + 1 == size);
  if (name == "length") return Value(size);
  // The depth counts levels of recursive loops, which are not supported.
  if (name == "depth") return Value(int64_t{1});
  if (name == "depth0") return Value(int64_t{0});
  if (name == "previtem") {
    if (index == 0) return rt.undefined("there is no previous item");
    return (*loop.items)[loop.index - 1];
  }
  if (name == "nextitem") {
    if (index + 1 == size) return rt.undefined("there is no next item");
    return (*loop.items)[loop.index + 1];
  }
  return std::nullopt;
}

}  // namespace pilotfish::jinja
