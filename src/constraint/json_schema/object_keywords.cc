#include "constraint/json_schema/object_keywords.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "constraint/json_schema/decimal.h"

namespace pilotfish::json_schema {
namespace {

using Id = Formulas::Id;
using Kind = Value::Kind;

// What patternProperties can divide keys into.
constexpr std::size_t kMostKinds = 64;
// Counts beyond it are as good as it: no text is as long.
constexpr std::int64_t kMostCount = std::numeric_limits<std::int32_t>::max();

class ObjectReader {
 public:
  ObjectReader(Normaliser& normaliser, const Value& schema)
      : normaliser_(normaliser),
        formulas_(normaliser.formulas()),
        schema_(schema) {}

  std::optional<ObjectForm> run() {
    read_patterns();
    read_properties();
    if (!read_names()) return std::nullopt;
    read_required();
    if (const Value* min = schema_.find("minProperties")) {
      form_.min = count_of(normaliser_.document(), schema_, "minProperties", *min);
    }
    if (const Value* max = schema_.find("maxProperties")) {
      form_.max = count_of(normaliser_.document(), schema_, "maxProperties", *max);
    }
    return std::move(form_);
  }

 private:
  struct Pattern {
    const StringSet* keys;
    Id value;
  };

  [[noreturn]] void refuse(std::string_view keyword, const std::string& why) {
    normaliser_.document().refuse(schema_, keyword, why);
  }

  // Null: the keyword is not there.
  const Value* object_at(std::string_view keyword) {
    const Value* value = schema_.find(keyword);
    if (value != nullptr && !value->is(Kind::kObject)) {
      refuse(keyword, "must be an object");
    }
    return value;
  }

  // Divides keys by the patterns that match them.
  void read_patterns() {
    if (const Value* value = object_at("patternProperties")) {
      for (std::size_t i = 0; i < value->keys.size(); ++i) {
        patterns_.push_back(pattern(value->keys[i], value->items[i]));
      }
    }
    const Value* additional = schema_.find("additionalProperties");
    const Id unmatched =
        additional == nullptr ? Formulas::kAny : formulas_.schema(*additional);
    StringSet rest = StringSet::all();
    std::vector<Keys> kinds;
    for (const auto& [keys, value] : patterns_) {
      std::vector<Keys> next;
      const auto add = [&](StringSet some, Id its) {
        if (!some.is_empty()) next.push_back({std::move(some), its});
      };
      for (const Keys& kind : kinds) {
        add(kind.keys.intersect(*keys), formulas_.all({kind.value, value}));
        add(kind.keys.minus(*keys), kind.value);
      }
      add(rest.intersect(*keys), value);
      rest = rest.minus(*keys);
      kinds = std::move(next);
      if (kinds.size() > kMostKinds) {
        refuse("patternProperties",
               fmt::format("cannot be enforced; the patterns overlap in more "
                           "than {} ways",
                           kMostKinds));
      }
    }
    if (!rest.is_empty()) kinds.push_back({std::move(rest), unmatched});
    std::erase_if(kinds, [](const Keys& kind) {
      return kind.value == Formulas::kNever;
    });
    form_.others = std::move(kinds);
  }

  Pattern pattern(const std::string& text, const Value& value) {
    try {
      return {&normaliser_.patterns().matching(text), formulas_.schema(value)};
    } catch (const UsageError& error) {
      refuse("patternProperties", error.what());
    }
  }

  void read_properties() {
    const Value* value = object_at("properties");
    if (value == nullptr) return;
    for (std::size_t i = 0; i < value->keys.size(); ++i) {
      std::vector<Id> parts = {formulas_.schema(value->items[i])};
      for (const auto& [keys, its] : patterns_) {
        if (keys->contains(value->keys[i])) parts.push_back(its);
      }
      form_.properties.push_back({.name = value->keys[i],
                                  .value = formulas_.all(std::move(parts)),
                                  .is_listed = true});
    }
  }

  // False: which names are allowed is being worked out right now.
  bool read_names() {
    const Value* value = schema_.find("propertyNames");
    if (value == nullptr ||
        normaliser_.document().is_too_new("propertyNames")) {
      return true;
    }
    const Form* names = normaliser_.find_form(formulas_.schema(*value));
    if (names == nullptr) return false;
    for (Property& each : form_.properties) {
      if (!names->strings.contains(each.name)) each.value = Formulas::kNever;
    }
    for (Keys& each : form_.others) {
      each.keys = each.keys.intersect(names->strings);
    }
    std::erase_if(form_.others,
                  [](const Keys& each) { return each.keys.is_empty(); });
    return true;
  }

  void read_required() {
    const Value* value = schema_.find("required");
    // Draft 3 has a boolean in each property, which means nothing here.
    if (value == nullptr) return;
    if (!value->is(Kind::kArray)) refuse("required", "must be an array of names");
    std::unordered_set<std::string_view> names;
    for (const Value& each : value->items) {
      if (!each.is(Kind::kString)) {
        refuse("required", "must be an array of names");
      }
      names.insert(each.text);
    }
    for (Property& each : form_.properties) {
      each.is_required = names.erase(each.name) > 0;
    }
    for (const Value& each : value->items) {
      if (names.erase(each.text) == 0) continue;
      form_.properties.push_back({.name = each.text,
                                  .value = form_.value(each.text),
                                  .is_required = true});
    }
  }

  Normaliser& normaliser_;
  Formulas& formulas_;
  const Value& schema_;
  std::vector<Pattern> patterns_;
  ObjectForm form_;
};

}  // namespace

std::optional<ObjectForm> form_of_object_keywords(Normaliser& normaliser,
                                                  const Value& schema) {
  return ObjectReader(normaliser, schema).run();
}

std::int64_t count_of(const Document& document, const Value& schema,
                      std::string_view keyword, const Value& value) {
  if (value.is(Kind::kNumber)) {
    const Decimal number = Decimal::parse(value.text);
    if (number.is_integer() && !number.is_negative()) {
      const std::string digits = number.integer_part();
      std::int64_t count = 0;
      const auto [end, error] = std::from_chars(
          digits.data(), digits.data() + digits.size(), count);
      return error == std::errc() && count < kMostCount ? count : kMostCount;
    }
  }
  document.refuse(schema, keyword, "must be an integer, 0 or greater");
}

}  // namespace pilotfish::json_schema
