#ifndef PILOTFISH_TEXT_JSON_NODE_H_
#define PILOTFISH_TEXT_JSON_NODE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "pilotfish/error.h"

namespace pilotfish {

// A value in a JSON document that knows where it stands, so that every
// complaint names file and key ("tokenizer.json: model.merges[3]"). Refers to
// the document, which must outlive it.
class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, std::string where)
      : value_(&value), where_(std::move(where)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& where() const { return where_; }
  // "WHERE: MESSAGE"
  Error error(std::string_view message) const;

  // A member that is there and not null; the first form throws where there is
  // none. Both throw where this is no object.
  JsonNode at(const char* key) const;
  std::optional<JsonNode> find(const char* key) const;
  // The elements; throws where this is no array.
  std::vector<JsonNode> elements() const;

  const std::string& string() const;
  bool boolean() const;
  std::int64_t integer() const;

  std::string string(const char* key, std::string_view otherwise) const;
  bool boolean(const char* key, bool otherwise) const;

 private:
  [[noreturn]] void refuse(const char* expected) const;

  const nlohmann::json* value_;
  std::string where_;
};

// Parses a whole document; `where` names it in messages. Throws Error.
nlohmann::json parse_json(std::string_view text, const std::string& where);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_JSON_NODE_H_
