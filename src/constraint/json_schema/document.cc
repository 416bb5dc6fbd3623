#include "constraint/json_schema/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace pilotfish::json_schema {
namespace {

using Kind = Value::Kind;

// Keywords whose value is a schema, or a list of schemas.
constexpr std::array kSchemas = {"additionalItems",
                                 "additionalProperties",
                                 "allOf",
                                 "anyOf",
                                 "contains",
                                 "contentSchema",
                                 "else",
                                 "if",
                                 "items",
                                 "not",
                                 "oneOf",
                                 "prefixItems",
                                 "propertyNames",
                                 "then",
                                 "unevaluatedItems",
                                 "unevaluatedProperties"};
// Keywords whose value is an object of schemas.
constexpr std::array kNamedSchemas = {"$defs",
                                      "definitions",
                                      "dependencies",
                                      "dependentSchemas",
                                      "patternProperties",
                                      "properties"};

bool is_among(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

const std::string* text_at(const Value& schema, std::string_view key) {
  const Value* value = schema.find(key);
  return value != nullptr && value->is(Kind::kString) ? &value->text : nullptr;
}

Draft draft_of(const Value& root) {
  constexpr std::array<std::pair<std::string_view, Draft>, 6> kDrafts = {{
      {"draft-03/", Draft::kDraft4},
      {"draft-04/", Draft::kDraft4},
      {"draft-06/", Draft::kDraft6},
      {"draft-07/", Draft::kDraft7},
      {"draft/2019-09/", Draft::k2019},
      {"draft/2020-12/", Draft::k2020},
  }};
  if (const std::string* name = text_at(root, "$schema")) {
    for (const auto& [part, draft] : kDrafts) {
      if (name->find(part) != std::string::npos) return draft;
    }
  }
  return Draft::k2020;
}

// One step of a JSON pointer: a key, or a place in an array.
const Value* step(const Value& from, const std::string& name) {
  if (!from.is(Kind::kArray)) return from.find(name);
  std::size_t place = 0;
  const char* end = name.data() + name.size();
  if (std::from_chars(name.data(), end, place).ptr != end || name.empty()) {
    return nullptr;
  }
  return place < from.items.size() ? &from.items[place] : nullptr;
}

std::string replaced(std::string text, std::string_view what,
                     std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos;
       at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// The way from `from` to `part`, if that lies in it.
std::optional<std::string> way_to(const Value& from, const Value& part) {
  if (&from == &part) return "";
  for (std::size_t i = 0; i < from.items.size(); ++i) {
    const auto rest = way_to(from.items[i], part);
    if (!rest) continue;
    const std::string name =
        from.is(Kind::kObject)
            ? replaced(replaced(from.keys[i], "~", "~0"), "/", "~1")
            : std::to_string(i);
    return "/" + name + *rest;
  }
  return std::nullopt;
}

}  // namespace

Document::Document(Value root) : root_(std::move(root)) {
  draft_ = draft_of(root_);
  resources_[""] = &root_;
  index(root_, {});
}

void Document::index(const Value& schema, Uri base) {
  if (!schema.is(Kind::kObject)) return;
  const std::string* id = text_at(schema, "$id");
  if (id == nullptr && draft_ == Draft::kDraft4) id = text_at(schema, "id");
  // Beside `$ref`, older drafts see nothing.
  if (draft_ <= Draft::kDraft7 && schema.find("$ref") != nullptr) id = nullptr;
  if (id != nullptr) {
    const Uri uri = resolve_uri(base, Uri::parse(*id));
    if (uri.fragment.empty()) {
      base = uri;
      resources_.try_emplace(uri.resource(), &schema);
    } else {
      // How drafts before 2019-09 write an anchor.
      anchors_.try_emplace(uri.resource() + "#" + uri.fragment, &schema);
    }
  }
  for (const char* keyword : {"$anchor", "$dynamicAnchor"}) {
    if (const std::string* name = text_at(schema, keyword)) {
      anchors_.try_emplace(base.resource() + "#" + *name, &schema);
    }
  }
  if (const std::string* name = text_at(schema, "$dynamicAnchor")) {
    ++dynamic_anchors_[*name];
  }
  if (const Value* is = schema.find("$recursiveAnchor");
      is != nullptr && is->is(Kind::kTrue)) {
    ++dynamic_anchors_[""];
  }
  if (!base.resource().empty()) bases_[&schema] = base;
  index_below(schema, base);
}

void Document::index_below(const Value& schema, const Uri& base) {
  for (std::size_t i = 0; i < schema.keys.size(); ++i) {
    const Value& value = schema.items[i];
    if (is_among(kNamedSchemas, schema.keys[i])) {
      if (!value.is(Kind::kObject)) continue;
      for (const Value& each : value.items) index(each, base);
    } else if (is_among(kSchemas, schema.keys[i])) {
      if (value.is(Kind::kArray)) {
        for (const Value& each : value.items) index(each, base);
      } else {
        index(value, base);
      }
    }
  }
}

bool Document::is_too_new(std::string_view keyword) const {
  constexpr std::array<std::pair<std::string_view, Draft>, 18> kSince = {{
      {"const", Draft::kDraft6},
      {"contains", Draft::kDraft6},
      {"propertyNames", Draft::kDraft6},
      {"if", Draft::kDraft7},
      {"then", Draft::kDraft7},
      {"else", Draft::kDraft7},
      {"$anchor", Draft::k2019},
      {"$recursiveAnchor", Draft::k2019},
      {"$recursiveRef", Draft::k2019},
      {"dependentRequired", Draft::k2019},
      {"dependentSchemas", Draft::k2019},
      {"minContains", Draft::k2019},
      {"maxContains", Draft::k2019},
      {"unevaluatedItems", Draft::k2019},
      {"unevaluatedProperties", Draft::k2019},
      {"$dynamicAnchor", Draft::k2020},
      {"$dynamicRef", Draft::k2020},
      {"prefixItems", Draft::k2020},
  }};
  const auto since = std::ranges::find(
      kSince, keyword, &std::pair<std::string_view, Draft>::first);
  return since != kSince.end() && draft_ < since->second;
}

const Value* Document::find_by_pointer(const Value& from,
                                       std::string_view pointer) const {
  const Value* at = &from;
  while (!pointer.empty() && at != nullptr) {
    if (pointer.front() != '/') return nullptr;
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    const std::string name(pointer.substr(1, end - 1));
    at = step(*at, replaced(replaced(name, "~1", "/"), "~0", "~"));
    pointer.remove_prefix(end);
  }
  return at;
}

const Value* Document::find(const Uri& target) const {
  const std::string fragment = percent_decoded(target.fragment);
  if (!fragment.empty() && fragment.front() != '/') {
    const auto anchor = anchors_.find(target.resource() + "#" + fragment);
    return anchor == anchors_.end() ? nullptr : anchor->second;
  }
  const auto resource = resources_.find(target.resource());
  if (resource == resources_.end()) return nullptr;
  return find_by_pointer(*resource->second, fragment);
}

const Value& Document::referenced(const Value& schema,
                                  std::string_view reference) const {
  const Uri uri = Uri::parse(reference);
  const auto base = bases_.find(&schema);
  const Uri target =
      base == bases_.end() ? uri : resolve_uri(base->second, uri);
  const Value* found = find(target);
  // Many a document gives its parts ids and goes on referring to its own
  // definitions as if it had not.
  if (found == nullptr && reference.starts_with('#')) found = find(uri);
  if (found == nullptr) {
    refuse(schema, "$ref",
           fmt::format("{} is not in this document", json_string(reference)));
  }
  return *found;
}

const Value& Document::dynamically_referenced(
    const Value& schema, std::string_view reference) const {
  const std::string name = Uri::parse(reference).fragment;
  const auto count = dynamic_anchors_.find(name);
  if (count != dynamic_anchors_.end() && count->second > 1) {
    refuse(
        schema, reference == "#" ? "$recursiveRef" : "$dynamicRef",
        "cannot be enforced; its target depends on the references on the way");
  }
  return referenced(schema, reference);
}

std::string Document::pointer(const Value& part) const {
  return "#" + way_to(root_, part).value_or("");
}

void Document::refuse(const Value& schema, std::string_view keyword,
                      const std::string& why) const {
  const std::string at = pointer(schema);
  throw Refusal(keyword.empty() ? fmt::format("{}: {}", at, why)
                                : fmt::format("{}/{}: {}", at, keyword, why));
}

}  // namespace pilotfish::json_schema
