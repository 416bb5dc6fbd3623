#include "constraint/json_schema/formulas.h"

#include <fmt/format.h>

#include <unordered_set>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::json_schema {

Formulas::Formulas(std::size_t most) : most_(most) {
  add({.kind = Kind::kNever});
  add({.kind = Kind::kAny});
}

Formulas::Id Formulas::add(Node node) {
  const auto [place, is_new] =
      ids_.try_emplace(std::move(node), static_cast<Id>(nodes_.size()));
  if (!is_new) return place->second;
  if (nodes_.size() == most_) {
    throw UsageError(fmt::format(
        "the schema is too large: its parts combine in more than {} ways",
        most_));
  }
  nodes_.push_back(&place->first);
  return place->second;
}

Formulas::Id Formulas::schema(const Value& schema) {
  if (schema.is(Value::Kind::kTrue)) return kAny;
  if (schema.is(Value::Kind::kFalse)) return kNever;
  return add({.kind = Kind::kSchema, .value = &schema});
}

Formulas::Id Formulas::keywords(const Value& schema) {
  return add({.kind = Kind::kKeywords, .value = &schema});
}

Formulas::Id Formulas::equal(const Value& value) {
  return add({.kind = Kind::kEqual, .value = &value});
}

Formulas::Id Formulas::has_key(const std::string& key) {
  return add({.kind = Kind::kHasKey, .key = key});
}

bool Formulas::flatten(Kind kind, Id neutral, Id absorbing,
                       std::vector<Id>& parts) {
  std::vector<Id> flat;
  std::unordered_set<Id> seen;
  const auto take = [&](Id part) {
    if (part == neutral) return true;
    if (part == absorbing) return false;
    if (!seen.insert(part).second) return true;
    flat.push_back(part);
    return true;
  };
  for (const Id part : parts) {
    if (node(part).kind == kind) {
      for (const Id inner : node(part).parts) {
        if (!take(inner)) return false;
      }
    } else if (!take(part)) {
      return false;
    }
  }
  for (const Id part : flat) {
    const Node& its = node(part);
    if (its.kind == Kind::kNot && seen.contains(its.parts[0])) return false;
  }
  parts = std::move(flat);
  return true;
}

Formulas::Id Formulas::all(std::vector<Id> parts) {
  if (!flatten(Kind::kAll, kAny, kNever, parts)) return kNever;
  if (parts.empty()) return kAny;
  if (parts.size() == 1) return parts[0];
  return add({.kind = Kind::kAll, .parts = std::move(parts)});
}

Formulas::Id Formulas::any_of(std::vector<Id> parts) {
  if (!flatten(Kind::kAnyOf, kNever, kAny, parts)) return kAny;
  if (parts.empty()) return kNever;
  if (parts.size() == 1) return parts[0];
  return add({.kind = Kind::kAnyOf, .parts = std::move(parts)});
}

Formulas::Id Formulas::exactly_one(std::vector<Id> parts) {
  std::erase(parts, kNever);
  if (parts.empty()) return kNever;
  if (parts.size() == 1) return parts[0];
  return add({.kind = Kind::kExactlyOne, .parts = std::move(parts)});
}

Formulas::Id Formulas::negated(Id id) {
  const Node& its = node(id);
  switch (its.kind) {
    case Kind::kNever:
      return kAny;
    case Kind::kAny:
      return kNever;
    case Kind::kNot:
      return its.parts[0];
    case Kind::kAll:
    case Kind::kAnyOf: {
      const bool all_hold = its.kind == Kind::kAll;
      std::vector<Id> parts = its.parts;
      for (Id& part : parts) part = negated(part);
      return all_hold ? any_of(std::move(parts)) : all(std::move(parts));
    }
    default:
      return add({.kind = Kind::kNot, .parts = {id}});
  }
}

}  // namespace pilotfish::json_schema
