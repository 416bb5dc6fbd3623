#include "constraint/json_schema/normaliser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "constraint/json_schema/applicators.h"
#include "constraint/json_schema/keywords.h"

namespace pilotfish::json_schema {
namespace {

// Schemas that are joined with each other in one place, deep.
constexpr std::size_t kMostOpen = 200;
// How far apart a look into properties may be from what is being worked out.
constexpr int kPruningDepth = 2;

// An object that has a key.
Form form_of_key(const std::string& key) {
  Form form;
  form.objects.push_back(ObjectForm::any());
  form.objects[0].properties.push_back({.name = key, .is_required = true});
  return form;
}

Form form_of_value(Formulas& formulas, const Value& value) {
  Form form;
  switch (value.kind) {
    case Value::Kind::kNull:
      form.has_null = true;
      break;
    case Value::Kind::kFalse:
      form.has_false = true;
      break;
    case Value::Kind::kTrue:
      form.has_true = true;
      break;
    case Value::Kind::kNumber:
      form.numbers = NumberSet::of({Decimal::parse(value.text)});
      break;
    case Value::Kind::kString:
      form.strings = StringSet::of({value.text});
      break;
    case Value::Kind::kArray: {
      const auto size = std::ssize(value.items);
      ArrayForm array = {.rest = Formulas::kNever, .min = size, .max = size};
      for (const Value& item : value.items) {
        array.prefix.push_back(formulas.equal(item));
      }
      form.arrays.push_back(std::move(array));
      break;
    }
    case Value::Kind::kObject: {
      ObjectForm object;
      for (std::size_t i = 0; i < value.keys.size(); ++i) {
        object.properties.push_back({.name = value.keys[i],
                                     .value = formulas.equal(value.items[i]),
                                     .is_required = true,
                                     .is_listed = true});
      }
      form.objects.push_back(std::move(object));
      break;
    }
  }
  return form;
}

}  // namespace

Normaliser::Normaliser(const Document& document, bool lenient)
    : document_(document),
      lenient_(lenient),
      algebra_(formulas_, [this](Id id) {
        return pruning_ < kPruningDepth && is_surely_empty(id, 1);
      }) {}

const Form& Normaliser::form(Id id) {
  const Form* found = find_form(id);
  if (found == nullptr) {
    document_.refuse(place_of(id), "",
                     "refers to itself without anything in between");
  }
  return *found;
}

const Form* Normaliser::find_form(Id id) {
  if (const auto known = forms_.find(id); known != forms_.end()) {
    return known->second.get();
  }
  if (!open_.insert(id).second) return nullptr;
  if (open_.size() > kMostOpen) {
    document_.refuse(place_of(id), "",
                     "cannot be enforced; too many schemas refer to each "
                     "other without anything in between");
  }
  std::optional<Form> made;
  try {
    made = make(id);
  } catch (const Refusal&) {
    throw;
  } catch (const UsageError& error) {
    document_.refuse(place_of(id), "", error.what());
  }
  open_.erase(id);
  if (!made) return nullptr;
  return forms_.emplace(id, std::make_unique<const Form>(std::move(*made)))
      .first->second.get();
}

std::optional<Form> Normaliser::make(Id id) {
  using Kind = Formulas::Kind;
  const Formulas::Node node = formulas_.node(id);
  const auto copy_of = [](const Form* form) {
    return form == nullptr ? std::nullopt : std::optional(*form);
  };
  switch (node.kind) {
    case Kind::kNever:
      return Form();
    case Kind::kAny:
      return Form::any();
    case Kind::kSchema:
      return copy_of(find_form(expanded(*node.value)));
    case Kind::kKeywords:
      return form_of_keywords(*this, *node.value);
    case Kind::kEqual:
      return form_of_value(formulas_, *node.value);
    case Kind::kHasKey:
      return form_of_key(node.key);
    case Kind::kExactlyOne:
      return make_exactly_one(Formulas::kAny, node.parts);
    case Kind::kNot:
      return make_not(node.parts[0]);
    case Kind::kAll:
      return make_all(node.parts);
    case Kind::kAnyOf:
      break;
  }
  Form result;
  for (const Id part : node.parts) {
    const Form* its = find_form(part);
    if (its == nullptr) return std::nullopt;
    result = algebra_.unite(result, *its);
  }
  return result;
}

// What else has to hold often tells the branches of a oneOf apart.
std::optional<Form> Normaliser::make_all(const std::vector<Id>& parts) {
  const auto is_choice = [&](Id part) {
    return formulas_.node(part).kind == Formulas::Kind::kExactlyOne;
  };
  std::vector<Id> others = parts;
  std::erase_if(others, is_choice);
  Form result = Form::any();
  for (const Id part : others) {
    const Form* its = find_form(part);
    if (its == nullptr) return std::nullopt;
    result = algebra_.intersect(result, *its);
  }
  const Id context = formulas_.all(std::move(others));
  for (const Id part : parts) {
    if (!is_choice(part)) continue;
    const auto its = make_exactly_one(context, formulas_.node(part).parts);
    if (!its) return std::nullopt;
    result = algebra_.intersect(result, *its);
  }
  return result;
}

std::optional<Form> Normaliser::make_not(Id part) {
  const Formulas::Node node = formulas_.node(part);
  Id opposite = formulas_.negated(part);
  if (node.kind == Formulas::Kind::kSchema) {
    opposite = formulas_.negated(expanded(*node.value));
  } else if (node.kind == Formulas::Kind::kExactlyOne) {
    // None is, or two are.
    std::vector<Id> none;
    std::vector<Id> choices;
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      none.push_back(formulas_.negated(node.parts[i]));
      for (std::size_t j = 0; j < i; ++j) {
        choices.push_back(formulas_.all({node.parts[j], node.parts[i]}));
      }
    }
    choices.push_back(formulas_.all(std::move(none)));
    opposite = formulas_.any_of(std::move(choices));
  } else {
    const Form* its = find_form(part);
    if (its == nullptr) return std::nullopt;
    return algebra_.complement(*its);
  }
  const Form* its = find_form(opposite);
  return its == nullptr ? std::nullopt : std::optional(*its);
}

// Where two branches have no value in common, neither has to be kept from being
// valid by the other.
Formulas::Id Normaliser::others_fail(Id context, const std::vector<Id>& parts,
                                     std::size_t one) {
  std::vector<Id> all = {context, parts[one]};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i == one) continue;
    const Id both = formulas_.all(
        {context, parts[std::min(i, one)], parts[std::max(i, one)]});
    if (!is_surely_empty(both, 3)) all.push_back(formulas_.negated(parts[i]));
  }
  return formulas_.all(std::move(all));
}

std::optional<Form> Normaliser::make_exactly_one(Id context,
                                                 const std::vector<Id>& parts) {
  Form result;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Form* its = find_form(others_fail(context, parts, i));
    if (its == nullptr) return std::nullopt;
    result = algebra_.unite(result, *its);
  }
  return result;
}

Formulas::Id Normaliser::expanded(const Value& schema) {
  const auto known = expanded_.find(&schema);
  if (known != expanded_.end()) return known->second;
  const Id id = expand(document_, formulas_, schema);
  expanded_.emplace(&schema, id);
  return id;
}

bool Normaliser::is_surely_empty(Id id, int depth) {
  if (id == Formulas::kNever) return true;
  if (id == Formulas::kAny || depth == 0) return false;
  ++pruning_;
  const Form* form = find_form(id);
  --pruning_;
  if (form == nullptr) return false;
  if (form->has_null || form->has_false || form->has_true ||
      !form->numbers.is_empty() || !form->strings.is_empty()) {
    return false;
  }
  const auto is_empty = [&](const auto& each) {
    return is_surely_empty(each, depth - 1);
  };
  return std::ranges::all_of(form->arrays, is_empty) &&
         std::ranges::all_of(form->objects, is_empty);
}

bool Normaliser::is_surely_empty(const ArrayForm& form, int depth) {
  const auto size = std::ssize(form.prefix);
  for (std::int64_t i = 0; i < std::min(form.min, size + 1); ++i) {
    if (is_surely_empty(form.item(i), depth)) return true;
  }
  return false;
}

bool Normaliser::is_surely_empty(const ObjectForm& form, int depth) {
  return std::ranges::any_of(form.properties, [&](const Property& each) {
    return each.is_required && is_surely_empty(each.value, depth);
  });
}

const Value& Normaliser::place_of(Id id) const {
  const Formulas::Node& node = formulas_.node(id);
  if (node.value != nullptr) return *node.value;
  return node.parts.empty() ? document_.root() : place_of(node.parts[0]);
}

}  // namespace pilotfish::json_schema
