#include "answers/tagged_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "answers/free_text.h"
#include "constraint/json_schema/schema_grammar.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using Json = nlohmann::ordered_json;

// Keywords that can be enforced, or say nothing about what is valid.
constexpr std::array kOfObjects = {
    "type",        "properties", "required", "additionalProperties",
    "title",       "default",    "examples", "description",
    "$schema",     "$id",        "$comment", "$defs",
    "definitions", "deprecated"};
constexpr std::array kOfStrings = {"type",     "enum",     "const",
                                   "title",    "default",  "description",
                                   "examples", "$comment", "deprecated"};

template <std::size_t n>
void check_keywords(const Json& schema, const std::string& where,
                    const std::array<const char*, n>& known) {
  for (const auto& [key, value] : schema.items()) {
    if (std::ranges::count(known, std::string_view(key)) > 0) continue;
    throw UsageError(
        fmt::format("{}/{}: cannot be enforced in calls as this "
                    "model writes them",
                    where, key));
  }
}

Json parsed(std::string_view schema) {
  Json json = Json::parse(schema, nullptr, false);
  if (!json.is_object())
    throw UsageError("#: expected the schema of an object");
  return json;
}

bool is_string_schema(const Json& schema) {
  return schema.is_object() && schema.contains("type") &&
         schema["type"] == "string";
}

bool is_required(const Json& schema, const std::string& key) {
  if (!schema.contains("required")) return false;
  return std::ranges::count(schema["required"], Json(key)) > 0;
}

class TaggedWriter {
 public:
  TaggedWriter(Grammar& grammar, const Json& schema, bool lenient)
      : grammar_(grammar), schema_(schema), lenient_(lenient) {}

  Grammar::Expr write() {
    check_keywords(schema_, "#", kOfObjects);
    const Json properties = schema_.value("properties", Json::object());
    check_required(properties);
    std::vector<Grammar::Expr> parts;
    for (const auto& [key, value] : properties.items()) {
      const Grammar::Expr parameter = grammar_.sequence(
          {grammar_.text(
               fmt::format("{}{}{}", kParameterBegins, key, kParameterNamed)),
           value_of(key, value), grammar_.text(kParameterEnds)});
      parts.push_back(is_required(schema_, key) ? parameter
                                                : grammar_.optional(parameter));
    }
    return grammar_.sequence(std::move(parts));
  }

 private:
  void check_required(const Json& properties) const {
    for (const Json& key : schema_.value("required", Json::array())) {
      if (key.is_string() && properties.contains(key.get<std::string>())) {
        continue;
      }
      throw UsageError(
          "#/required: names a member that is not among the properties");
    }
  }

  Grammar::Expr value_of(const std::string& key, const Json& value) {
    if (key.empty() || key.find_first_of(">\n") != std::string::npos) {
      throw UsageError(fmt::format(
          "#/properties/{}: cannot be a name in calls as this model writes "
          "them",
          key));
    }
    return is_string_schema(value) ? text_of(key, value) : json_of(key, value);
  }

  Grammar::Expr text_of(const std::string& key, const Json& value) {
    const std::string where = "#/properties/" + key;
    check_keywords(value, where, kOfStrings);
    Json texts = value.value("enum", Json::array());
    if (value.contains("const")) texts = Json::array({value["const"]});
    if (texts.empty()) {
      if (!text_) {
        text_ = write_free_text(
            grammar_, {.inside = kParameterEnds, .before_inside = true});
      }
      return *text_;
    }
    std::vector<Grammar::Expr> parts;
    for (const Json& text : texts) {
      if (!text.is_string()) continue;
      const auto words = text.get<std::string>();
      if ((words + std::string(kParameterEnds)).find(kParameterEnds) !=
          words.size()) {
        throw UsageError(where +
                         "/enum: a text contains the end of the parameter");
      }
      parts.push_back(grammar_.text(words));
    }
    return grammar_.choice(std::move(parts));
  }

  // References lead to the definitions of the whole.
  Grammar::Expr json_of(const std::string& key, const Json& value) {
    Json whole = value;
    if (whole.is_object()) {
      for (const char* name : {"$schema", "$defs", "definitions"}) {
        if (schema_.contains(name)) whole[name] = schema_[name];
      }
    }
    try {
      return write_json_schema(grammar_, whole.dump(), {.lenient = lenient_});
    } catch (const UsageError& error) {
      std::string_view what = error.what();
      if (what.starts_with("#")) what.remove_prefix(1);
      throw UsageError(fmt::format("#/properties/{}{}", key, what));
    }
  }

  Grammar& grammar_;
  const Json& schema_;
  const bool lenient_;
  std::optional<Grammar::Expr> text_;
};

}  // namespace

Grammar::Expr write_tagged_arguments(Grammar& grammar, std::string_view schema,
                                     bool lenient) {
  const Json json = parsed(schema);
  // What the schema itself has wrong is said by those who know schemas.
  Grammar checked;
  write_json_schema(checked, schema, {.lenient = lenient});
  return TaggedWriter(grammar, json, lenient).write();
}

std::map<std::string, bool> tagged_members(std::string_view schema) {
  const Json json = parsed(schema);
  std::map<std::string, bool> members;
  const Json properties = json.value("properties", Json::object());
  for (const auto& [key, value] : properties.items()) {
    members[key] = is_string_schema(value);
  }
  return members;
}

}  // namespace pilotfish
