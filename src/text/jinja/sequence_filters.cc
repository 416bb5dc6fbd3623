#include <fmt/core.h>

#include <algorithm>

#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

std::shared_ptr<const Values> input_items(Call& call) {
  auto items = iterate(call.rt, call.input);
  call.rt.charge(items->size());
  return items;
}

// item.attribute, where the filter is told an attribute: a path or an index.
Value picked(Call& call, size_t parameter, const Value& item) {
  const Value* attribute = call.get_unless_none(parameter);
  if (attribute == nullptr) return item;
  if (attribute->integer() != nullptr) {
    return get_item(call.rt, item, *attribute);
  }
  return get_path(call.rt, item, call.text(parameter));
}

// Sorting and comparing filters ignore case unless told otherwise.
Value folded(Runtime& rt, const Value& value, bool case_sensitive) {
  const String* string = value.string();
  if (case_sensitive || string == nullptr) return value;
  return rt.string(to_lower(string->text));
}

Value length_filter(Call& call) { return Value(length(call.rt, call.input)); }

Value first(Call& call) {
  if (const auto* generator = call.input.get<std::shared_ptr<Generator>>()) {
    Generator& rest = **generator;
    if (rest.next < rest.items.size()) return rest.items[rest.next++];
  } else if (const auto items = iterate(call.rt, call.input); !items->empty()) {
    return items->front();
  }
  return call.rt.undefined("there is no first item: the sequence is empty");
}

Value last(Call& call) {
  if (call.input.is<std::shared_ptr<Generator>>()) {
    call.rt.fail("'last' needs a list, not a generator");
  }
  const auto items = iterate(call.rt, call.input);
  if (!items->empty()) return items->back();
  return call.rt.undefined("there is no last item: the sequence is empty");
}

Value list(Call& call) { return call.rt.list(*input_items(call)); }

Value reverse(Call& call) {
  if (const String* string = call.input.string()) {
    const std::vector<size_t> offsets = character_offsets(string->text);
    const std::string_view text = string->text;
    String reversed{{}, string->markup};
    for (size_t i = offsets.size() - 1; i > 0; --i) {
      reversed.append(*string,
                      text.substr(offsets[i - 1], offsets[i] - offsets[i - 1]));
    }
    return call.rt.string(std::move(reversed));
  }
  const auto items = input_items(call);
  Values reversed(items->rbegin(), items->rend());
  // What has no end to start from is copied to a list first, and stays one.
  if (call.input.is<std::shared_ptr<Generator>>()) {
    return call.rt.list(std::move(reversed));
  }
  return call.rt.generator(std::move(reversed));
}

Value join(Call& call) {
  const String separator =
      call.has(0) ? to_text(call.rt, *call.get(0)) : String();
  String out;
  bool is_first = true;
  const auto items = input_items(call);
  for (const Value& item : *items) {
    const String text = to_text(call.rt, picked(call, 1, item));
    call.rt.charge(separator.text.size() / kBytesPerUnit);
    call.rt.check_size(out.text.size() + separator.text.size() +
                       text.text.size());
    if (!is_first) out.append(separator);
    out.append(text);
    is_first = false;
  }
  return call.rt.string(std::move(out));
}

Value default_filter(Call& call) {
  const bool missing = call.input.is_undefined() ||
                       (call.boolean(1, false) && !is_true(call.input));
  if (!missing) return call.input;
  return call.has(0) ? *call.get(0) : call.rt.string("");
}

Value items_filter(Call& call) {
  if (call.input.is_undefined()) return call.rt.generator({});
  const Dict* dict = call.input.dict();
  if (dict == nullptr) {
    call.rt.fail(
        fmt::format("'items' expects a mapping, not a value of type "
                    "'{}'",
                    type_name(call.input)));
  }
  Values pairs;
  for (const auto& [key, value] : dict->entries()) {
    pairs.push_back(call.rt.tuple({key, value}));
  }
  return call.rt.generator(std::move(pairs));
}

struct Keyed {
  Values keys;
  Value item;
};

void sort_keyed(Runtime& rt, std::vector<Keyed>& items, bool descending) {
  const auto before = [&](const Keyed& a, const Keyed& b) {
    for (size_t i = 0; i + 1 < a.keys.size(); ++i) {
      if (!equal(rt, a.keys[i], b.keys[i])) {
        return less(rt, a.keys[i], b.keys[i]);
      }
    }
    return less(rt, a.keys.back(), b.keys.back());
  };
  merge_sort(items, [&](const Keyed& a, const Keyed& b) {
    return descending ? before(b, a) : before(a, b);
  });
}

// "name" or "group,name": the values to sort by.
Values sort_keys(Call& call, const Value& item) {
  const bool case_sensitive = call.boolean(1, false);
  const Value* attribute = call.get_unless_none(2);
  if (attribute == nullptr || attribute->string() == nullptr) {
    return {folded(call.rt, picked(call, 2, item), case_sensitive)};
  }
  Values keys;
  std::string_view rest = attribute->string()->text;
  while (true) {
    const size_t comma = rest.find(',');
    keys.push_back(folded(call.rt,
                          get_path(call.rt, item, rest.substr(0, comma)),
                          case_sensitive));
    if (comma == std::string_view::npos) return keys;
    rest.remove_prefix(comma + 1);
  }
}

Value sort(Call& call) {
  std::vector<Keyed> keyed;
  const auto items = input_items(call);
  for (const Value& item : *items) {
    keyed.push_back({sort_keys(call, item), item});
  }
  sort_keyed(call.rt, keyed, call.boolean(0, false));
  Values sorted;
  for (Keyed& entry : keyed) sorted.push_back(std::move(entry.item));
  return call.rt.list(std::move(sorted));
}

Value dict_sort(Call& call) {
  const Dict* dict = call.input.dict();
  if (dict == nullptr) {
    call.rt.refuse_undefined(call.input);
    call.rt.fail("'dictsort' expects a mapping");
  }
  const bool case_sensitive = call.boolean(0, false);
  const std::string by = call.has(1) ? call.text(1) : "key";
  if (by != "key" && by != "value") {
    call.rt.fail("'dictsort' sorts by 'key' or by 'value'");
  }
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : dict->entries()) {
    keyed.push_back(
        {{folded(call.rt, by == "key" ? key : value, case_sensitive)},
         call.rt.tuple({key, value})});
  }
  sort_keyed(call.rt, keyed, call.boolean(2, false));
  Values sorted;
  for (Keyed& entry : keyed) sorted.push_back(std::move(entry.item));
  return call.rt.list(std::move(sorted));
}

Value unique(Call& call) {
  const bool case_sensitive = call.boolean(0, false);
  Values seen;
  Values kept;
  const auto items = input_items(call);
  for (const Value& item : *items) {
    Value key = folded(call.rt, picked(call, 1, item), case_sensitive);
    if (key.dict() != nullptr ||
        (key.sequence() != nullptr &&
         key.sequence()->kind == SequenceKind::kList)) {
      call.rt.fail(fmt::format("'unique' cannot compare values of type '{}'",
                               type_name(key)));
    }
    const bool known = std::any_of(
        seen.begin(), seen.end(),
        [&](const Value& other) { return equal(call.rt, key, other); });
    if (known) continue;
    seen.push_back(std::move(key));
    kept.push_back(item);
  }
  return call.rt.generator(std::move(kept));
}

template <bool largest>
Value extreme(Call& call) {
  const bool case_sensitive = call.boolean(0, false);
  const auto all = input_items(call);
  if (all->empty()) return call.rt.undefined("the sequence is empty");
  const Value* best = nullptr;
  Value best_key;
  for (const Value& item : *all) {
    Value key = folded(call.rt, picked(call, 1, item), case_sensitive);
    const bool better =
        best == nullptr ||
        (largest ? less(call.rt, best_key, key) : less(call.rt, key, best_key));
    if (!better) continue;
    best = &item;
    best_key = std::move(key);
  }
  return *best;
}

Value sum(Call& call) {
  Value total = call.has(1) ? *call.get(1) : Value(int64_t{0});
  if (total.string() != nullptr) call.rt.fail("'sum' does not add strings");
  const auto items = input_items(call);
  for (const Value& item : *items) {
    total = apply(call.rt, BinaryOp::kAdd, total, picked(call, 0, item));
  }
  return total;
}

Value batch(Call& call) {
  const int64_t width = call.integer(0, 1);
  if (width < 1) call.rt.fail("'batch' needs a positive size");
  const auto size = static_cast<size_t>(width);
  Values rows;
  Values row;
  const auto items = input_items(call);
  for (const Value& item : *items) {
    if (row.size() == size) {
      rows.push_back(call.rt.list(std::exchange(row, {})));
    }
    row.push_back(item);
  }
  if (!row.empty()) {
    const Value* fill = call.get_unless_none(1);
    while (fill != nullptr && row.size() < size) {
      call.rt.charge(1);
      row.push_back(*fill);
    }
    rows.push_back(call.rt.list(std::move(row)));
  }
  return call.rt.generator(std::move(rows));
}

// A number of rows of almost equal length, the longer ones first.
Value slice(Call& call) {
  const int64_t count = call.integer(0, 1);
  if (count < 1) call.rt.fail("'slice' needs a positive number of rows");
  const auto rows = static_cast<size_t>(count);
  call.rt.charge(rows);
  const auto items = input_items(call);
  const size_t longer = items->size() % rows;
  const Value* fill = call.get_unless_none(1);
  Values sliced;
  auto next = items->begin();
  for (size_t row = 0; row < rows; ++row) {
    const size_t size = items->size() / rows + (row < longer ? 1 : 0);
    Values cells(next, next + static_cast<ptrdiff_t>(size));
    next += static_cast<ptrdiff_t>(size);
    if (fill != nullptr && row >= longer) cells.push_back(*fill);
    sliced.push_back(call.rt.list(std::move(cells)));
  }
  return call.rt.generator(std::move(sliced));
}

// A tuple of groupby: (grouper, list), with these names.
Value group(Runtime& rt, Value grouper, Values items) {
  const Value tuple = rt.tuple({std::move(grouper), rt.list(std::move(items))});
  Sequence named = *tuple.sequence();
  named.is_group = true;
  return Value(std::make_shared<const Sequence>(std::move(named)));
}

Value group_by(Call& call) {
  const bool case_sensitive = call.boolean(2, false);
  const auto grouper = [&](const Value& item) {
    Value value = picked(call, 0, item);
    return value.is_undefined() && call.has(1) ? *call.get(1) : value;
  };
  std::vector<Keyed> keyed;
  const auto items = input_items(call);
  for (const Value& item : *items) {
    keyed.push_back({{folded(call.rt, grouper(item), case_sensitive)}, item});
  }
  sort_keyed(call.rt, keyed, false);
  Values groups;
  Values members;
  for (size_t i = 0; i < keyed.size(); ++i) {
    members.push_back(keyed[i].item);
    if (i + 1 < keyed.size() &&
        equal(call.rt, keyed[i].keys[0], keyed[i + 1].keys[0])) {
      continue;
    }
    // The name is the first member's own, whatever the others' case.
    Value name = grouper(members.front());
    groups.push_back(
        group(call.rt, std::move(name), std::exchange(members, {})));
  }
  return call.rt.list(std::move(groups));
}

Arguments after(const Arguments& arguments, size_t count) {
  Arguments rest;
  const Values& all = arguments.positional;
  const auto skip = static_cast<ptrdiff_t>(std::min(count, all.size()));
  rest.positional.assign(all.begin() + skip, all.end());
  rest.named = arguments.named;
  return rest;
}

const std::string& name_argument(Call& call, size_t index,
                                 std::string_view what) {
  const Values& given = call.raw.positional;
  if (index < given.size() && given[index].string() != nullptr) {
    return given[index].string()->text;
  }
  call.rt.fail(fmt::format("the name of {} expected", what));
}

Value map_attribute(Call& call) {
  const Value* attribute = nullptr;
  const Value* otherwise = nullptr;
  for (const auto& [name, value] : call.raw.named) {
    if (name.text == "attribute") {
      attribute = &value;
    } else if (name.text == "default") {
      otherwise = &value;
    } else {
      call.rt.fail(fmt::format("'map' has no parameter '{}'", name.text));
    }
  }
  if (attribute == nullptr) call.rt.fail("'map' needs a filter or attribute");
  Values mapped;
  const auto items = input_items(call);
  for (const Value& item : *items) {
    Value value = attribute->string() != nullptr
                      ? get_path(call.rt, item, attribute->string()->text)
                      : get_item(call.rt, item, *attribute);
    if (value.is_undefined() && otherwise != nullptr) value = *otherwise;
    mapped.push_back(std::move(value));
  }
  return call.rt.generator(std::move(mapped));
}

Value map(Call& call) {
  if (!is_true(call.input)) return call.rt.generator({});
  if (call.raw.positional.empty()) return map_attribute(call);
  const std::string& name = name_argument(call, 0, "a filter");
  const Builtin* filter = find_filter(name);
  if (filter == nullptr) {
    call.rt.fail(fmt::format("unknown filter '{}'", name));
  }
  const Arguments rest = after(call.raw, 1);
  Values mapped;
  const auto items = input_items(call);
  for (const Value& item : *items) {
    mapped.push_back(invoke(call.rt, *filter, item, rest));
  }
  return call.rt.generator(std::move(mapped));
}

// select, reject and their attribute forms: keeps the items for which the test
// (truth itself where none is named) says `wanted`. Like map, they give nothing
// for what counts as false, none and numbers among it, and look no further.
template <bool by_attribute, bool wanted>
Value choose(Call& call) {
  if (!is_true(call.input)) return call.rt.generator({});
  constexpr size_t kTest = by_attribute ? 1 : 0;
  const Value* attribute = nullptr;
  if (by_attribute) {
    if (call.raw.positional.empty()) call.rt.fail("an attribute expected");
    attribute = &call.raw.positional[0];
  }
  const Builtin* test = nullptr;
  if (call.raw.positional.size() > kTest) {
    const std::string& name = name_argument(call, kTest, "a test");
    test = find_test(name);
    if (test == nullptr) call.rt.fail(fmt::format("unknown test '{}'", name));
  }
  const Arguments rest = after(call.raw, kTest + 1);
  Values kept;
  const auto items = input_items(call);
  for (const Value& item : *items) {
    Value value = item;
    if (attribute != nullptr) {
      value = attribute->string() != nullptr
                  ? get_path(call.rt, item, attribute->string()->text)
                  : get_item(call.rt, item, *attribute);
    }
    const bool holds =
        is_true(test != nullptr ? invoke(call.rt, *test, value, rest) : value);
    if (holds == wanted) kept.push_back(item);
  }
  return call.rt.generator(std::move(kept));
}

Value attribute_filter(Call& call) {
  return get_attribute_only(call.rt, call.input, call.text(0));
}

}  // namespace

const Builtin* find_sequence_filter(std::string_view name) {
  static const BuiltinTable table = {
      {"length", {}, 0, length_filter},
      {"count", {}, 0, length_filter},
      {"first", {}, 0, first},
      {"last", {}, 0, last},
      {"list", {}, 0, list},
      {"reverse", {}, 0, reverse},
      {"join", {"d", "attribute"}, 0, join},
      {"default", {"default_value", "boolean"}, 0, default_filter},
      {"d", {"default_value", "boolean"}, 0, default_filter},
      {"items", {}, 0, items_filter},
      {"sort", {"reverse", "case_sensitive", "attribute"}, 0, sort},
      {"dictsort", {"case_sensitive", "by", "reverse"}, 0, dict_sort},
      {"unique", {"case_sensitive", "attribute"}, 0, unique},
      {"max", {"case_sensitive", "attribute"}, 0, extreme<true>},
      {"min", {"case_sensitive", "attribute"}, 0, extreme<false>},
      {"sum", {"attribute", "start"}, 0, sum},
      {"batch", {"linecount", "fill_with"}, 1, batch},
      {"slice", {"slices", "fill_with"}, 1, slice},
      {"groupby", {"attribute", "default", "case_sensitive"}, 1, group_by},
      {"map", {}, 0, map, true},
      {"select", {}, 0, choose<false, true>, true},
      {"reject", {}, 0, choose<false, false>, true},
      {"selectattr", {}, 0, choose<true, true>, true},
      {"rejectattr", {}, 0, choose<true, false>, true},
      {"attr", {"name"}, 1, attribute_filter},
  };
  return table.find(name);
}

}  // namespace pilotfish::jinja
