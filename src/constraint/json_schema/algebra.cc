#include "constraint/json_schema/algebra.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "constraint/effort.h"
#include "pilotfish/error.h"

namespace pilotfish::json_schema {
namespace {

constexpr std::size_t kMostForms = 1000;  // of one type, in one place
// What a property counts for in the Effort of combining forms.
constexpr std::int64_t kStepsOfProperty = 16;

std::int64_t smaller_max(std::int64_t a, std::int64_t b) {
  if (a == kUnlimited) return b;
  return b == kUnlimited ? a : std::min(a, b);
}

// Adds a form to those of a type, if it says something that they do not.
template <typename Each>
void add_form(std::vector<Each>& forms, Each form) {
  if (forms.size() == 1 && forms[0].is_any()) return;
  if (form.is_any()) {
    forms.clear();
  } else if (std::ranges::find(forms, form) != forms.end()) {
    return;
  }
  if (forms.size() == kMostForms) {
    throw UsageError(fmt::format(
        "cannot be enforced; it comes down to more than {} alternatives",
        kMostForms));
  }
  forms.push_back(std::move(form));
}

std::vector<std::string> names_of(const ObjectForm& form) {
  std::vector<std::string> names;
  for (const Property& each : form.properties) names.push_back(each.name);
  return names;
}

using Names = std::unordered_map<std::string_view, const Property*>;

Names index_of(const ObjectForm& form) {
  Names names;
  for (const Property& each : form.properties) names[each.name] = &each;
  return names;
}

// The value that a form gives a key, where `names` are its properties.
Formulas::Id value_in(const ObjectForm& form, const Names& names,
                      const std::string& key) {
  if (const auto its = names.find(key); its != names.end()) {
    return its->second->value;
  }
  for (const Keys& each : form.others) {
    if (each.keys.contains(key)) return each.value;
  }
  return Formulas::kNever;
}

bool is_listed_in(const Names& names, const std::string& key) {
  const auto its = names.find(key);
  return its != names.end() && its->second->is_listed;
}

bool is_required_in(const Names& names, const std::string& key) {
  const auto its = names.find(key);
  return its != names.end() && its->second->is_required;
}

}  // namespace

void Algebra::count(std::int64_t properties) {
  Effort::spend(kStepsOfProperty * properties);
}

Formulas::Id Algebra::both(Id a, Id b) {
  const Id all = formulas_.all({a, b});
  if (all == a || all == b) return all;
  return is_empty_(all) ? Formulas::kNever : all;
}

template <typename Each>
std::vector<Each> Algebra::intersect_all(const std::vector<Each>& a,
                                         const std::vector<Each>& b) {
  std::vector<Each> forms;
  for (const Each& one : a) {
    for (const Each& other : b) {
      if (auto form = intersect(one, other)) add_form(forms, std::move(*form));
    }
  }
  return forms;
}

template <typename Each>
std::vector<Each> Algebra::complement_all(const std::vector<Each>& forms) {
  std::vector<Each> result = {Each::any()};
  for (const Each& form : forms) {
    result = intersect_all(result, complement(form));
  }
  return result;
}

Form Algebra::intersect(const Form& a, const Form& b) {
  return {.has_null = a.has_null && b.has_null,
          .has_false = a.has_false && b.has_false,
          .has_true = a.has_true && b.has_true,
          .numbers = a.numbers.intersect(b.numbers),
          .strings = a.strings.intersect(b.strings),
          .arrays = intersect_all(a.arrays, b.arrays),
          .objects = intersect_all(a.objects, b.objects)};
}

Form Algebra::unite(const Form& a, const Form& b) {
  Form form = {.has_null = a.has_null || b.has_null,
               .has_false = a.has_false || b.has_false,
               .has_true = a.has_true || b.has_true,
               .numbers = a.numbers.unite(b.numbers),
               .strings = a.strings.unite(b.strings),
               .arrays = a.arrays,
               .objects = a.objects};
  for (const ArrayForm& each : b.arrays) add_form(form.arrays, each);
  for (const ObjectForm& each : b.objects) add_form(form.objects, each);
  return form;
}

Form Algebra::complement(const Form& form) {
  return {.has_null = !form.has_null,
          .has_false = !form.has_false,
          .has_true = !form.has_true,
          .numbers = NumberSet::all().minus(form.numbers),
          .strings = StringSet::all().minus(form.strings),
          .arrays = complement_all(form.arrays),
          .objects = complement_all(form.objects)};
}

std::optional<ArrayForm> Algebra::intersect(const ArrayForm& a,
                                            const ArrayForm& b) {
  ArrayForm form;
  const auto size = std::max(std::ssize(a.prefix), std::ssize(b.prefix));
  count(size + 1);
  for (std::int64_t i = 0; i < size; ++i) {
    form.prefix.push_back(both(a.item(i), b.item(i)));
  }
  form.rest = both(a.rest, b.rest);
  form.min = std::max(a.min, b.min);
  form.max = smaller_max(a.max, b.max);
  form.contains = a.contains;
  for (const Contains& each : b.contains) {
    if (std::ranges::find(form.contains, each) == form.contains.end()) {
      form.contains.push_back(each);
    }
  }
  form.unique = a.unique != nullptr ? a.unique : b.unique;
  if (!simplify(form)) return std::nullopt;
  return form;
}

bool Algebra::simplify(ArrayForm& form) {
  std::erase_if(form.contains, [&](const Contains& each) {
    const bool is_length = each.value == Formulas::kAny && each.from == 0;
    if (is_length) {
      form.min = std::max(form.min, each.min);
      form.max = smaller_max(form.max, each.max);
    }
    return is_length || (each.min == 0 && each.max == kUnlimited) ||
           (each.min == 0 && each.value == Formulas::kNever);
  });
  for (const Contains& each : form.contains) {
    if (each.value == Formulas::kNever) return false;
    if (each.max != kUnlimited && each.min > each.max) return false;
    form.min = std::max(form.min, each.from + each.min);
  }
  const auto never = std::ranges::find(form.prefix, Formulas::kNever);
  if (never != form.prefix.end()) {
    form.max = smaller_max(form.max, never - form.prefix.begin());
  } else if (form.rest == Formulas::kNever) {
    form.max = smaller_max(form.max, std::ssize(form.prefix));
  }
  if (form.max != kUnlimited && form.max <= std::ssize(form.prefix)) {
    form.prefix.resize(static_cast<std::size_t>(form.max));
    form.rest = Formulas::kNever;
  }
  while (!form.prefix.empty() && form.prefix.back() == form.rest) {
    form.prefix.pop_back();
  }
  if (form.max == 0 || form.max == 1) form.unique = nullptr;
  return form.max == kUnlimited || form.min <= form.max;
}

Algebra::Arrays Algebra::complement(const ArrayForm& form) {
  if (form.unique != nullptr) {
    throw UsageError(
        "cannot be enforced; the opposite of uniqueItems would be needed");
  }
  Arrays result;
  const auto add = [&](ArrayForm part) {
    if (simplify(part)) add_form(result, std::move(part));
  };
  if (form.min > 0) add({.max = form.min - 1});
  if (form.max != kUnlimited) add({.min = form.max + 1});
  const auto size = std::ssize(form.prefix);
  for (std::int64_t i = 0; i < size; ++i) {
    const Id wrong = formulas_.negated(form.item(i));
    if (wrong == Formulas::kNever) continue;
    std::vector<Id> prefix(static_cast<std::size_t>(i), Formulas::kAny);
    prefix.push_back(wrong);
    add({.prefix = std::move(prefix), .min = i + 1});
  }
  if (const Id wrong = formulas_.negated(form.rest);
      wrong != Formulas::kNever) {
    add({.contains = {{.value = wrong, .from = size}}});
  }
  for (const Contains& each : form.contains) {
    if (each.min > 0) {
      add({.contains = {{.value = each.value,
                         .min = 0,
                         .max = each.min - 1,
                         .from = each.from}}});
    }
    if (each.max != kUnlimited) {
      add({.contains = {
               {.value = each.value, .min = each.max + 1, .from = each.from}}});
    }
  }
  return result;
}

std::optional<ObjectForm> Algebra::intersect(const ObjectForm& a,
                                             const ObjectForm& b) {
  count(std::ssize(a.properties) + std::ssize(b.properties) +
        std::ssize(a.others) * std::ssize(b.others) + 1);
  const Names in_a = index_of(a);
  const Names in_b = index_of(b);
  ObjectForm form;
  // What some `properties` lists comes first, in the order of the lists.
  std::unordered_set<std::string_view> taken;
  const auto take = [&](const ObjectForm& from, bool listed) {
    for (const Property& each : from.properties) {
      const bool is_listed =
          is_listed_in(in_a, each.name) || is_listed_in(in_b, each.name);
      if ((listed && !each.is_listed) || listed != is_listed) continue;
      if (!taken.insert(each.name).second) continue;
      form.properties.push_back(
          {.name = each.name,
           .value =
               both(value_in(a, in_a, each.name), value_in(b, in_b, each.name)),
           .is_required = is_required_in(in_a, each.name) ||
                          is_required_in(in_b, each.name),
           .is_listed = is_listed});
    }
  };
  for (const bool listed : {true, false}) {
    take(a, listed);
    take(b, listed);
  }
  for (const Keys& one : a.others) {
    for (const Keys& other : b.others) {
      StringSet keys = one.keys.intersect(other.keys);
      if (keys.is_empty()) continue;
      const Id value = both(one.value, other.value);
      if (value == Formulas::kNever) continue;
      form.others.push_back({std::move(keys), value});
    }
  }
  form.some = a.some;
  form.some.insert(form.some.end(), b.some.begin(), b.some.end());
  form.min = std::max(a.min, b.min);
  form.max = smaller_max(a.max, b.max);
  if (!simplify(form)) return std::nullopt;
  return form;
}

bool Algebra::simplify(ObjectForm& form) {
  if (!simplify_some(form)) return false;
  std::int64_t required = 0;
  std::int64_t possible = 0;
  for (const Property& each : form.properties) {
    if (each.is_required && each.value == Formulas::kNever) return false;
    required += each.is_required ? 1 : 0;
    possible += each.value != Formulas::kNever ? 1 : 0;
  }
  if (form.max != kUnlimited && required > form.max) return false;
  if (form.others.empty()) {
    if (form.min > possible) return false;
    if (form.max >= possible) form.max = kUnlimited;
  }
  if (form.min <= required) form.min = 0;
  return form.max == kUnlimited || form.min <= form.max;
}

// Drops what is sure to be there, and requires what alone can be meant.
bool Algebra::simplify_some(ObjectForm& form) {
  for (std::size_t i = 0; i < form.some.size();) {
    const Keys& each = form.some[i];
    count(std::ssize(form.properties) + 1);
    Property* only = nullptr;
    std::int64_t candidates = 0;
    bool is_sure = false;
    for (Property& property : form.properties) {
      if (property.value == Formulas::kNever) continue;
      if (!each.keys.contains(property.name)) continue;
      only = &property;
      ++candidates;
      is_sure = is_sure ||
                (property.is_required &&
                 formulas_.all({property.value, each.value}) == property.value);
    }
    for (const Keys& other : form.others) {
      if (each.keys.intersect(other.keys).is_empty()) continue;
      candidates += 2;  // a second key can always be meant, too
    }
    if (candidates == 0) return false;
    if (candidates == 1 && !is_sure) {
      only->is_required = true;
      only->value = both(only->value, each.value);
      is_sure = true;
    }
    if (is_sure) {
      form.some.erase(form.some.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  return true;
}

Algebra::Objects Algebra::complement(const ObjectForm& form) {
  Objects result;
  const auto add = [&](ObjectForm part) {
    if (simplify(part)) add_form(result, std::move(part));
  };
  const auto add_property = [&](Property property) {
    ObjectForm part = ObjectForm::any();
    part.properties.push_back(std::move(property));
    add(std::move(part));
  };
  const auto add_some = [&](StringSet keys, Id value) {
    if (keys.is_empty() || value == Formulas::kNever) return;
    ObjectForm part = ObjectForm::any();
    part.some.push_back({std::move(keys), value});
    add(std::move(part));
  };
  const auto add_counts = [&](std::int64_t min, std::int64_t max) {
    ObjectForm part = ObjectForm::any();
    part.min = min;
    part.max = max;
    add(std::move(part));
  };
  for (const Property& each : form.properties) {
    // What is required may be left out as well as be wrong.
    const Id wrong = formulas_.negated(each.value);
    if (!each.is_required && wrong == Formulas::kNever) continue;
    add_property(
        {.name = each.name, .value = wrong, .is_required = !each.is_required});
  }
  StringSet forbidden = StringSet::all().minus(StringSet::of(names_of(form)));
  const StringSet not_named = forbidden;
  for (const Keys& each : form.others) {
    add_some(each.keys.intersect(not_named), formulas_.negated(each.value));
    forbidden = forbidden.minus(each.keys);
  }
  add_some(std::move(forbidden), Formulas::kAny);
  for (const Keys& each : form.some) {
    ObjectForm part;
    part.others.push_back({each.keys, formulas_.negated(each.value)});
    StringSet rest = StringSet::all().minus(each.keys);
    if (!rest.is_empty())
      part.others.push_back({std::move(rest), Formulas::kAny});
    std::erase_if(part.others, [](const Keys& keys) {
      return keys.value == Formulas::kNever;
    });
    add(std::move(part));
  }
  if (form.min > 0) add_counts(0, form.min - 1);
  if (form.max != kUnlimited) add_counts(form.max + 1, kUnlimited);
  return result;
}

}  // namespace pilotfish::json_schema
