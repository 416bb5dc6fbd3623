#include "text/json_node.h"

#include <fmt/core.h>

#include "formats/json.h"

namespace pilotfish {

Error JsonNode::error(std::string_view message) const {
  return Error(fmt::format("{}: {}", where_, message));
}

JsonNode JsonNode::at(const char* key) const {
  auto node = find(key);
  if (!node) throw error(fmt::format("has no \"{}\"", key));
  return *std::move(node);
}

std::optional<JsonNode> JsonNode::find(const char* key) const {
  if (!value_->is_object()) refuse("an object");
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  // "FILE: outer.inner"
  const bool at_root = where_.find(": ") == std::string::npos;
  return JsonNode(*found, where_ + (at_root ? ": " : ".") + key);
}

std::vector<JsonNode> JsonNode::elements() const {
  if (!value_->is_array()) refuse("an array");
  std::vector<JsonNode> nodes;
  nodes.reserve(value_->size());
  for (const auto& element : *value_) {
    nodes.emplace_back(element, fmt::format("{}[{}]", where_, nodes.size()));
  }
  return nodes;
}

const std::string& JsonNode::string() const {
  if (!value_->is_string()) refuse("a string");
  return value_->get_ref<const std::string&>();
}

bool JsonNode::boolean() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

std::int64_t JsonNode::integer() const {
  if (!value_->is_number_integer() ||
      (value_->is_number_unsigned() &&
       value_->get<std::uint64_t>() > INT64_MAX)) {
    refuse("an integer below 2^63");
  }
  return value_->get<std::int64_t>();
}

std::string JsonNode::string(const char* key,
                             std::string_view otherwise) const {
  const auto node = find(key);
  return node ? node->string() : std::string(otherwise);
}

bool JsonNode::boolean(const char* key, bool otherwise) const {
  const auto node = find(key);
  return node ? node->boolean() : otherwise;
}

void JsonNode::refuse(const char* expected) const {
  throw error(
      fmt::format("found {}, expected {}", value_->type_name(), expected));
}

nlohmann::json parse_json(std::string_view text, const std::string& where) {
  return parse_any_json(text, where);
}

}  // namespace pilotfish
