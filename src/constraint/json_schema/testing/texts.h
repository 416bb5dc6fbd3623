#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_TEXTS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_TEXTS_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/json_schema/decimal.h"
#include "constraint/json_schema/schema_grammar.h"
#include "constraint/json_schema/value.h"
#include "constraint/matcher.h"
#include "constraint/vocabulary.h"
#include "pilotfish/constraint.h"

namespace pilotfish::test {

// Every byte is a token.
inline std::shared_ptr<const ConstraintVocabulary> byte_vocabulary() {
  static const auto kVocabulary = [] {
    std::vector<std::string> bytes;
    for (int byte = 0; byte < 256; ++byte) {
      bytes.emplace_back(1, static_cast<char>(byte));
    }
    return std::make_shared<const ConstraintVocabulary>(bytes);
  }();
  return kVocabulary;
}

// The texts of a JSON Schema, asked byte by byte of its automaton.
class SchemaTexts {
 public:
  explicit SchemaTexts(std::string_view schema,
                       const JsonSchemaOptions& options = {})
      : matcher_(Automaton::compile(json_schema_grammar(schema, options)),
                 byte_vocabulary()) {}

  bool contains(std::string_view text) const {
    Matcher::State state = matcher_.begin();
    for (const char byte : text) {
      const Token token = static_cast<unsigned char>(byte);
      if (!matcher_.advance(state, token)) return false;
    }
    return matcher_.may_end(state);
  }

 private:
  Matcher matcher_;
};

// How tests write values: one blank behind ',' and ':', no character escaped
// that need not be, numbers as they were written but without exponents.
// `order` gives the places of an object's members in the order wanted.
template <typename Order>
std::string json_text(const json_schema::Value& value, const Order& order) {
  using Kind = json_schema::Value::Kind;
  switch (value.kind) {
    case Kind::kNumber:
      return value.text.find_first_of("eE") == std::string::npos
                 ? value.text
                 : json_schema::Decimal::parse(value.text).text();
    case Kind::kString:
      return json_schema::json_string(value.text);
    case Kind::kArray:
    case Kind::kObject:
      break;
    default:
      return json_schema::shown(value);
  }
  const bool is_object = value.is(Kind::kObject);
  std::string text;
  for (const std::size_t at : order(value)) {
    if (!text.empty()) text += ", ";
    if (is_object) text += json_schema::json_string(value.keys[at]) + ": ";
    text += json_text(value.items[at], order);
  }
  return is_object ? "{" + text + "}" : "[" + text + "]";
}

// The order in which a value was written.
inline std::vector<std::size_t> order_as_it_is(
    const json_schema::Value& value) {
  std::vector<std::size_t> order(value.items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  return order;
}

// The order in which a schema lists properties: that of its list that has the
// most of an object's keys, then what is left by the same rule; behind these,
// what a `required` names.
class SchemaOrder {
 public:
  explicit SchemaOrder(const json_schema::Value& schema) { find_lists(schema); }

  std::vector<std::size_t> operator()(const json_schema::Value& value) const {
    if (!value.is(json_schema::Value::Kind::kObject)) {
      return order_as_it_is(value);
    }
    std::vector<std::size_t> left = order_as_it_is(value);
    std::vector<std::size_t> order;
    while (!left.empty()) {
      const auto* best = best_list(value, left);
      if (best == nullptr) break;
      for (const std::string& key : best->keys) {
        const auto at = std::ranges::find_if(
            left, [&](std::size_t i) { return value.keys[i] == key; });
        if (at == left.end()) continue;
        order.push_back(*at);
        left.erase(at);
      }
    }
    std::stable_partition(left.begin(), left.end(), [&](std::size_t i) {
      return required_.contains(value.keys[i]);
    });
    order.insert(order.end(), left.begin(), left.end());
    return order;
  }

 private:
  void find_lists(const json_schema::Value& schema) {
    for (std::size_t i = 0; i < schema.keys.size(); ++i) {
      if (schema.keys[i] == "properties") lists_.push_back(&schema.items[i]);
      if (schema.keys[i] != "required") continue;
      for (const auto& name : schema.items[i].items)
        required_.insert(name.text);
    }
    for (const json_schema::Value& item : schema.items) find_lists(item);
  }

  const json_schema::Value* best_list(
      const json_schema::Value& value,
      const std::vector<std::size_t>& left) const {
    const json_schema::Value* best = nullptr;
    std::size_t most = 0;
    for (const json_schema::Value* list : lists_) {
      std::size_t found = 0;
      for (const std::size_t i : left) {
        found += list->find(value.keys[i]) != nullptr ? 1 : 0;
      }
      if (found > most) {
        most = found;
        best = list;
      }
    }
    return best;
  }

  std::vector<const json_schema::Value*> lists_;
  std::set<std::string> required_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_TEXTS_H_
