#include "cli/line_constraints.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNames[] = {"json_schema", "regex", "grammar",
                                       "choice"};

[[noreturn]] void refuse(std::string_view name, std::string_view expected) {
  throw UsageError(fmt::format("\"{}\": expected {}", name, expected));
}

// How deep lists and objects lie in each other. Does not recurse, as the
// library does that writes JSON.
std::size_t depth_of(const Json& value) {
  std::size_t deepest = 0;
  std::vector<std::pair<const Json*, std::size_t>> open = {{&value, 1}};
  while (!open.empty()) {
    const auto [part, depth] = open.back();
    open.pop_back();
    deepest = std::max(deepest, depth);
    for (const Json& inner : *part) {
      if (inner.is_structured()) open.emplace_back(&inner, depth + 1);
    }
  }
  return deepest;
}

std::string text_of(std::string_view name, const Json& value) {
  constexpr std::size_t kDeepest = 1000;
  if (name == "json_schema") {
    if (!value.is_object()) refuse(name, "a JSON schema, an object");
    if (depth_of(value) > kDeepest) {
      refuse(name, fmt::format("at most {} objects and lists in each other",
                               kDeepest));
    }
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  if (name == "choice") {
    const auto is_text = [](const Json& text) { return text.is_string(); };
    if (!value.is_array() || !std::ranges::all_of(value, is_text)) {
      refuse(name, "a list of texts");
    }
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  if (!value.is_string()) refuse(name, "a text");
  return value.get<std::string>();
}

}  // namespace

std::span<const std::string_view> LineConstraints::names() { return kNames; }

std::shared_ptr<const Constraint> LineConstraints::read(std::string_view name,
                                                        const Json& value) {
  if (std::ranges::find(kNames, name) == std::end(kNames)) return nullptr;
  const std::string text = text_of(name, value);
  std::shared_ptr<const Constraint>& constraint =
      made_[fmt::format("{} {}", name, text)];
  if (constraint != nullptr) return constraint;
  try {
    constraint = make(name, text);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("\"{}\": {}", name, error.what()));
  }
  return constraint;
}

std::shared_ptr<const Constraint> LineConstraints::make(
    std::string_view name, const std::string& text) const {
  if (name == "json_schema") return Constraint::json_schema(text, json_);
  if (name == "regex") return Constraint::regex(text);
  if (name == "grammar") return Constraint::gbnf(text);
  return Constraint::choice(Json::parse(text).get<std::vector<std::string>>());
}

}  // namespace pilotfish::cli
