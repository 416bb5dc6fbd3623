#include "text/jinja/access.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printer.h"
#include "text/jinja/runtime.h"

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

Value cycler_next(Call& call) {
  Cycler& cycler = **call.input.get<Cycler*>();
  const size_t position = cycler.position++ % cycler.items.size();
  return cycler.items[position];
}

Value cycler_reset(Call& call) {
  (*call.input.get<Cycler*>())->position = 0;
  return Value();
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

const Builtin* cycler_method(std::string_view name) {
  static const BuiltinTable table = {
      {"next", {}, 0, cycler_next},
      {"reset", {}, 0, cycler_reset},
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

// The method Python's type has under this name; null where it has none. Fails
// where it has one that is not supported, or that the sandbox forbids because
// it would change the object.
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
  if (object.is<Cycler*>()) return cycler_method(name);
  return object.is<Loop*>() ? loop_method(name) : nullptr;
}

// loop.index and its like; none for what is a method or nothing.
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
  if (name == "depth") return Value(static_cast<int64_t>(loop.depth) + 1);
  if (name == "depth0") return Value(static_cast<int64_t>(loop.depth));
  if (name == "previtem") {
    if (index == 0) return rt.undefined("there is no previous item");
    return (*loop.items)[loop.index - 1];
  }
  if (name == "nextitem") {
    // A loop that a namespace keeps beyond its block is past its last item.
    if (index + 1 >= size) return rt.undefined("there is no next item");
    return (*loop.items)[loop.index + 1];
  }
  return std::nullopt;
}

// Python's own name of the object in Jinja's message.
Value no_member(Runtime& rt, const Value& object, const Value& member) {
  rt.refuse_undefined(object);
  if (const String* name = member.string()) {
    return rt.undefined(fmt::format("a value of type '{}' has no member '{}'",
                                    type_name(object),
                                    name->text.substr(0, 100)));
  }
  if (member.integer() == nullptr) {
    return rt.undefined(fmt::format("a value of type '{}' has no such member",
                                    type_name(object)));
  }
  return rt.undefined(fmt::format("a value of type '{}' has no member {}",
                                  type_name(object), *member.integer()));
}

// An attribute that is not an item, none where there is none.
std::optional<Value> find_attribute(Runtime& rt, const Value& object,
                                    std::string_view name) {
  if (Namespace* const* scope = object.get<Namespace*>()) {
    const Value* value = (*scope)->attributes.find(name);
    if (value != nullptr) return *value;
    return std::nullopt;
  }
  if (Loop* const* loop = object.get<Loop*>()) {
    if (auto value = loop_attribute(rt, **loop, name)) return value;
  }
  if (Cycler* const* cycler = object.get<Cycler*>();
      cycler && name == "current") {
    const Values& items = (*cycler)->items;
    return items[(*cycler)->position % items.size()];
  }
  if (const Sequence* tuple = object.sequence(); tuple && tuple->is_group) {
    if (name == "grouper") return tuple->items[0];
    if (name == "list") return tuple->items[1];
  }
  if (const Builtin* method = find_method(rt, object, name)) {
    return Value(std::make_shared<const Method>(Method{method, object}));
  }
  return std::nullopt;
}

std::optional<Value> find_item(Runtime& rt, const Value& object,
                               const Value& index) {
  if (const Dict* dict = object.dict()) {
    const Value* value = dict->find(index);
    if (value != nullptr) return *value;
    return std::nullopt;
  }
  const int64_t* position = index.integer();
  if (position == nullptr) return std::nullopt;
  const Sequence* sequence = object.sequence();
  const String* string = object.string();
  const bool has_items =
      string != nullptr ||
      (sequence != nullptr && sequence->kind <= SequenceKind::kRange);
  if (!has_items) return std::nullopt;
  const int64_t size = length(rt, object);
  const int64_t at = *position < 0 ? *position + size : *position;
  if (at < 0 || at >= size) return std::nullopt;
  const auto i = static_cast<size_t>(at);
  if (sequence != nullptr) return sequence->items[i];
  const std::string_view text = string->text;
  if (static_cast<size_t>(size) == text.size()) {
    return rt.string(part_of(*string, text.substr(i, 1)));
  }
  const std::vector<size_t> offsets = character_offsets(text);
  return rt.string(
      part_of(*string, text.substr(offsets[i], offsets[i + 1] - offsets[i])));
}

// The elements a Python slice names: first, first + step, ...
struct SliceRange {
  int64_t first = 0;
  int64_t step = 1;
  size_t count = 0;
};

std::optional<int64_t> slice_bound(Runtime& rt, const Value& value) {
  if (value.is_none()) return std::nullopt;
  if (const int64_t* integer = value.integer()) return *integer;
  rt.refuse_undefined(value);
  rt.fail(fmt::format("a slice expects integers, not a value of type '{}'",
                      type_name(value)));
}

SliceRange resolve_slice(Runtime& rt, int64_t size, const Value& start,
                         const Value& stop, const Value& step) {
  SliceRange range;
  range.step = slice_bound(rt, step).value_or(1);
  if (range.step == 0) rt.fail("a slice's step cannot be zero");
  const bool forward = range.step > 0;
  const int64_t low = forward ? 0 : -1;
  const int64_t high = forward ? size : size - 1;
  const auto clamp = [&](std::optional<int64_t> bound, int64_t otherwise) {
    if (!bound) return otherwise;
    return std::clamp(*bound < 0 ? *bound + size : *bound, low, high);
  };
  range.first = clamp(slice_bound(rt, start), forward ? low : high);
  const int64_t end = clamp(slice_bound(rt, stop), forward ? high : low);
  // Steps beyond the size all mean "one element"; this keeps the sums small.
  range.step = std::clamp(range.step, -size - 1, size + 1);
  const int64_t distance = forward ? end - range.first : range.first - end;
  const int64_t stride = forward ? range.step : -range.step;
  if (distance > 0) {
    range.count = static_cast<size_t>((distance + stride - 1) / stride);
  }
  return range;
}

Value slice_string(Runtime& rt, const String& string, const Value& start,
                   const Value& stop, const Value& step) {
  rt.charge(string.text.size() / kBytesPerUnit);
  const std::string_view whole = string.text;
  const std::vector<size_t> offsets = character_offsets(whole);
  const SliceRange range = resolve_slice(
      rt, static_cast<int64_t>(offsets.size() - 1), start, stop, step);
  if (range.count == 0) return rt.string("", string.markup);
  if (range.step == 1) {
    const auto first = static_cast<size_t>(range.first);
    const size_t begin = offsets[first];
    return rt.string(part_of(
        string, whole.substr(begin, offsets[first + range.count] - begin)));
  }
  String text{{}, string.markup};
  for (size_t k = 0; k < range.count; ++k) {
    const auto i =
        static_cast<size_t>(range.first + static_cast<int64_t>(k) * range.step);
    text.append(string, whole.substr(offsets[i], offsets[i + 1] - offsets[i]));
  }
  return rt.string(std::move(text));
}

}  // namespace

Value get_attribute(Runtime& rt, const Value& object, std::string_view name) {
  rt.refuse_undefined(object);
  if (auto value = find_attribute(rt, object, name)) return *std::move(value);
  if (const Dict* dict = object.dict()) {
    if (const Value* value = dict->find(name)) return *value;
  }
  return no_member(rt, object, Value(std::string(name)));
}

Value get_attribute_only(Runtime& rt, const Value& object,
                         std::string_view name) {
  if (auto value = find_attribute(rt, object, name)) return *std::move(value);
  return no_member(rt, object, Value(std::string(name)));
}

Value get_item(Runtime& rt, const Value& object, const Value& index) {
  rt.refuse_undefined(object);
  if (const String* key = index.string()) {
    rt.charge(key->text.size() / kBytesPerUnit);
  }
  if (auto value = find_item(rt, object, index)) return *std::move(value);
  if (const String* name = index.string()) {
    if (auto value = find_attribute(rt, object, name->text)) {
      return *std::move(value);
    }
  }
  return no_member(rt, object, index);
}

Value get_slice(Runtime& rt, const Value& object, const Value& start,
                const Value& stop, const Value& step) {
  rt.refuse_undefined(object);
  if (const String* string = object.string()) {
    return slice_string(rt, *string, start, stop, step);
  }
  const Sequence* sequence = object.sequence();
  if (sequence == nullptr || sequence->kind > SequenceKind::kRange) {
    rt.fail(fmt::format("a value of type '{}' cannot be sliced",
                        type_name(object)));
  }
  const Values& items = sequence->items;
  const SliceRange range =
      resolve_slice(rt, static_cast<int64_t>(items.size()), start, stop, step);
  Values picked;
  picked.reserve(range.count);
  for (size_t k = 0; k < range.count; ++k) {
    picked.push_back(items[static_cast<size_t>(
        range.first + static_cast<int64_t>(k) * range.step)]);
  }
  return rt.sequence(sequence->kind, std::move(picked));
}

Value get_path(Runtime& rt, const Value& object, std::string_view path) {
  Value value = object;
  while (true) {
    const size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    int64_t number = 0;
    const auto [end, error] =
        std::from_chars(part.data(), part.data() + part.size(), number);
    const bool is_number =
        error == std::errc() && number >= 0 && end == part.data() + part.size();
    value = get_item(rt, value,
                     is_number ? Value(number) : rt.string(std::string(part)));
    if (dot == std::string_view::npos) return value;
    path.remove_prefix(dot + 1);
  }
}

std::shared_ptr<const Values> iterate(Runtime& rt, const Value& value) {
  using SequencePtr = std::shared_ptr<const Sequence>;
  if (const auto* sequence = value.get<SequencePtr>()) {
    return {*sequence, &(*sequence)->items};
  }
  auto items = std::make_shared<Values>();
  if (const String* string = value.string()) {
    const std::string_view text = string->text;
    const std::vector<size_t> offsets = character_offsets(text);
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      String character = part_of(
          *string, text.substr(offsets[i], offsets[i + 1] - offsets[i]));
      character.markup = false;
      items->push_back(rt.string(std::move(character)));
    }
  } else if (const Dict* dict = value.dict()) {
    rt.charge(dict->entries().size());
    for (const auto& entry : dict->entries()) items->push_back(entry.first);
  } else if (const auto* pointer = value.get<std::shared_ptr<Generator>>()) {
    Generator& generator = **pointer;
    rt.charge(generator.items.size() - generator.next);
    items->assign(
        generator.items.begin() + static_cast<ptrdiff_t>(generator.next),
        generator.items.end());
    generator.next = generator.items.size();
  } else if (!value.is_undefined()) {
    rt.fail(fmt::format("a value of type '{}' cannot be iterated",
                        type_name(value)));
  }
  return items;
}

bool is_iterable(const Value& value) {
  return value.string() != nullptr || value.sequence() != nullptr ||
         value.dict() != nullptr || value.is_undefined() ||
         value.is<std::shared_ptr<Generator>>() || value.is<Loop*>();
}

int64_t length(Runtime& rt, const Value& value) {
  if (const String* string = value.string()) {
    rt.charge(string->text.size() / kBytesPerUnit);
    return static_cast<int64_t>(count_characters(string->text));
  }
  if (const Sequence* sequence = value.sequence()) {
    return static_cast<int64_t>(sequence->items.size());
  }
  if (const Dict* dict = value.dict()) {
    return static_cast<int64_t>(dict->entries().size());
  }
  if (Loop* const* loop = value.get<Loop*>()) {
    return static_cast<int64_t>((*loop)->items->size());
  }
  if (value.is_undefined()) return 0;
  rt.fail(fmt::format("a value of type '{}' has no length", type_name(value)));
}

}  // namespace pilotfish::jinja
