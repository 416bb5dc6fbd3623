#include "constraint/json_schema/keywords.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "constraint/json_schema/annotations.h"
#include "constraint/json_schema/decimal.h"
#include "constraint/json_schema/object_keywords.h"

namespace pilotfish::json_schema {
namespace {

using Id = Formulas::Id;
using Kind = Value::Kind;

constexpr std::string_view kHowToIgnore =
    "--lenient-schema ignores it, as do requests without \"strict\": true";

// Reads one schema's keywords; each narrows what the form lets through.
class Reader {
 public:
  Reader(Normaliser& normaliser, const Value& schema)
      : normaliser_(normaliser),
        document_(normaliser.document()),
        schema_(schema) {}

  std::optional<Form> run() {
    for (std::size_t i = 0; i < schema_.keys.size(); ++i) {
      read(schema_.keys[i], schema_.items[i]);
    }
    read_items();
    const auto object = form_of_object_keywords(normaliser_, schema_);
    if (!object) return std::nullopt;
    form_.objects = narrowed(form_.objects, *object);
    form_.arrays = narrowed(form_.arrays, array_);
    if (values_) return normaliser_.algebra().intersect(form_, *values_);
    return std::move(form_);
  }

 private:
  using Handler = void (Reader::*)(const Value&);

  static const std::unordered_map<std::string_view, Handler>& handlers();

  void read(const std::string& keyword, const Value& value) {
    const auto handler = handlers().find(keyword);
    keyword_ = keyword;
    if (document_.is_too_new(keyword)) {
      if (normaliser_.lenient()) return;
      refuse(fmt::format("unknown to the draft that $schema names; {}",
                         kHowToIgnore));
    }
    if (handler == handlers().end()) {
      if (normaliser_.lenient() || is_annotation(keyword)) return;
      refuse(fmt::format("unknown keyword; {}", kHowToIgnore));
    }
    if (handler->second == nullptr) return;
    try {
      (this->*handler->second)(value);
    } catch (const Refusal&) {
      throw;
    } catch (const UsageError& error) {
      refuse(error.what());
    }
  }

  const Value* find(std::string_view keyword) const {
    return document_.is_too_new(keyword) ? nullptr : schema_.find(keyword);
  }

  [[noreturn]] void refuse(const std::string& why) {
    document_.refuse(schema_, keyword_, why);
  }

  // Forms of a type that the schema may exclude, narrowed to what its keywords
  // for that type say. Empty forms are dropped by the algebra.
  template <typename Each>
  std::vector<Each> narrowed(const std::vector<Each>& forms, const Each& to) {
    if (forms.empty()) return {};
    Form a;
    Form b;
    if constexpr (std::is_same_v<Each, ArrayForm>) {
      a.arrays = forms;
      b.arrays = {to};
      return normaliser_.algebra().intersect(a, b).arrays;
    } else {
      a.objects = forms;
      b.objects = {to};
      return normaliser_.algebra().intersect(a, b).objects;
    }
  }

  Decimal number(const Value& value) {
    if (!value.is(Kind::kNumber)) refuse("must be a number");
    return Decimal::parse(value.text);
  }

  std::int64_t count(const Value& value) {
    return count_of(document_, schema_, keyword_, value);
  }

  void read_type(const Value& value) {
    Form types;
    const auto add = [&](const Value& name) {
      if (!name.is(Kind::kString) || !add_type(name.text, types)) {
        refuse(fmt::format("{} is not a type of JSON", shown(name)));
      }
    };
    if (value.is(Kind::kArray)) {
      for (const Value& each : value.items) add(each);
    } else {
      add(value);
    }
    const Value* nullable = schema_.find("nullable");  // of OpenAPI
    if (nullable != nullptr && nullable->is(Kind::kTrue)) types.has_null = true;
    form_ = normaliser_.algebra().intersect(form_, types);
  }

  static bool add_type(std::string_view name, Form& types) {
    const Form any = Form::any();
    if (name == "null") {
      types.has_null = true;
    } else if (name == "boolean") {
      types.has_false = types.has_true = true;
    } else if (name == "integer") {
      types.numbers = types.numbers.unite(NumberSet::integers());
    } else if (name == "number") {
      types.numbers = any.numbers;
    } else if (name == "string") {
      types.strings = any.strings;
    } else if (name == "array") {
      types.arrays = any.arrays;
    } else if (name == "object") {
      types.objects = any.objects;
    } else if (name == "any") {  // of draft 3
      types = any;
    } else {
      return false;
    }
    return true;
  }

  void read_enum(const Value& value) {
    if (!value.is(Kind::kArray)) refuse("must be an array");
    // Scalars, of which there may be many, are put together in one go.
    Form values;
    std::vector<Decimal> numbers;
    std::vector<std::string> strings;
    for (const Value& each : value.items) {
      switch (each.kind) {
        case Kind::kNumber:
          numbers.push_back(Decimal::parse(each.text));
          break;
        case Kind::kString:
          strings.push_back(each.text);
          break;
        default:
          values = normaliser_.algebra().unite(
              values, normaliser_.form(normaliser_.formulas().equal(each)));
      }
    }
    values.numbers = NumberSet::of(std::move(numbers));
    values.strings = StringSet::of(std::move(strings));
    add_values(std::move(values));
  }

  void read_const(const Value& value) {
    add_values(normaliser_.form(normaliser_.formulas().equal(value)));
  }

  void add_values(Form values) {
    values_ = values_ ? normaliser_.algebra().intersect(*values_, values)
                      : std::move(values);
  }

  void narrow(const NumberSet& numbers) {
    form_.numbers = form_.numbers.intersect(numbers);
  }
  void narrow(const StringSet& strings) {
    form_.strings = form_.strings.intersect(strings);
  }

  // Draft 4 has a boolean that says whether a bound is exclusive.
  bool is_exclusive(std::string_view keyword) const {
    const Value* value = schema_.find(keyword);
    return value != nullptr && value->is(Kind::kTrue);
  }

  void read_minimum(const Value& value) {
    narrow(
        NumberSet::at_least(number(value), is_exclusive("exclusiveMinimum")));
  }
  void read_maximum(const Value& value) {
    narrow(NumberSet::at_most(number(value), is_exclusive("exclusiveMaximum")));
  }
  void read_exclusive_minimum(const Value& value) {
    if (!value.is_boolean()) narrow(NumberSet::at_least(number(value), true));
  }
  void read_exclusive_maximum(const Value& value) {
    if (!value.is_boolean()) narrow(NumberSet::at_most(number(value), true));
  }
  void read_multiple_of(const Value& value) {
    const Decimal step = number(value);
    if (step.is_zero() || step.is_negative()) refuse("must be greater than 0");
    narrow(NumberSet::multiples_of(step));
  }

  void read_min_length(const Value& value) {
    narrow(StringSet::of_length(count(value), kUnlimited));
  }
  void read_max_length(const Value& value) {
    narrow(StringSet::of_length(0, count(value)));
  }
  void read_pattern(const Value& value) {
    if (!value.is(Kind::kString)) refuse("must be a string");
    narrow(normaliser_.patterns().matching(value.text));
  }
  void read_format(const Value& value) {
    if (!value.is(Kind::kString)) refuse("must be a string");
    if (const StringSet* strings = normaliser_.patterns().format(value.text)) {
      narrow(*strings);
    } else if (!normaliser_.lenient() && !is_annotating_format(value.text)) {
      refuse(fmt::format("unknown format {}; {}", shown(value), kHowToIgnore));
    }
  }

  void read_min_items(const Value& value) { array_.min = count(value); }
  void read_max_items(const Value& value) { array_.max = count(value); }
  void read_unique_items(const Value& value) {
    if (!value.is_boolean()) refuse("must be true or false");
    if (value.is(Kind::kTrue)) array_.unique = &schema_;
  }
  void read_contains(const Value& value) {
    Contains contains = {.value = normaliser_.formulas().schema(value)};
    if (const Value* min = find("minContains")) {
      contains.min = count_of(document_, schema_, "minContains", *min);
    }
    if (const Value* max = find("maxContains")) {
      contains.max = count_of(document_, schema_, "maxContains", *max);
    }
    array_.contains.push_back(contains);
  }

  void read_unevaluated(const Value& value) {
    if (value.is(Kind::kTrue)) return;
    refuse("cannot be enforced; it depends on which other subschemas hold");
  }

  // A list of schemas was called `items` once, and what follows them
  // additionalItems.
  void read_items() {
    const Value* prefix = find("prefixItems");
    const Value* rest = schema_.find("items");
    keyword_ = "prefixItems";
    if (prefix == nullptr && rest != nullptr && rest->is(Kind::kArray)) {
      keyword_ = "items";
      prefix = std::exchange(rest, schema_.find("additionalItems"));
    }
    if (prefix != nullptr) {
      if (!prefix->is(Kind::kArray)) refuse("must be an array of schemas");
      for (const Value& each : prefix->items) {
        array_.prefix.push_back(normaliser_.formulas().schema(each));
      }
    }
    if (rest != nullptr) array_.rest = normaliser_.formulas().schema(*rest);
  }

  Normaliser& normaliser_;
  const Document& document_;
  const Value& schema_;
  std::string_view keyword_;
  Form form_ = Form::any();
  ArrayForm array_;
  std::optional<Form> values_;  // of enum and const
};

const std::unordered_map<std::string_view, Reader::Handler>&
Reader::handlers() {
  // Null: another place reads it.
  static const std::unordered_map<std::string_view, Handler> kHandlers = {
      {"type", &Reader::read_type},
      {"nullable", nullptr},
      {"enum", &Reader::read_enum},
      {"const", &Reader::read_const},
      {"minimum", &Reader::read_minimum},
      {"maximum", &Reader::read_maximum},
      {"exclusiveMinimum", &Reader::read_exclusive_minimum},
      {"exclusiveMaximum", &Reader::read_exclusive_maximum},
      {"multipleOf", &Reader::read_multiple_of},
      {"minLength", &Reader::read_min_length},
      {"maxLength", &Reader::read_max_length},
      {"pattern", &Reader::read_pattern},
      {"format", &Reader::read_format},
      {"minItems", &Reader::read_min_items},
      {"maxItems", &Reader::read_max_items},
      {"uniqueItems", &Reader::read_unique_items},
      {"contains", &Reader::read_contains},
      {"unevaluatedItems", &Reader::read_unevaluated},
      {"unevaluatedProperties", &Reader::read_unevaluated},
      {"minContains", nullptr},
      {"maxContains", nullptr},
      {"prefixItems", nullptr},
      {"items", nullptr},
      {"additionalItems", nullptr},
      {"properties", nullptr},
      {"patternProperties", nullptr},
      {"additionalProperties", nullptr},
      {"propertyNames", nullptr},
      {"required", nullptr},
      {"minProperties", nullptr},
      {"maxProperties", nullptr},
      {"$ref", nullptr},
      {"$dynamicRef", nullptr},
      {"$recursiveRef", nullptr},
      {"allOf", nullptr},
      {"anyOf", nullptr},
      {"oneOf", nullptr},
      {"not", nullptr},
      {"if", nullptr},
      {"then", nullptr},
      {"else", nullptr},
      {"dependencies", nullptr},
      {"dependentRequired", nullptr},
      {"dependentSchemas", nullptr},
  };
  return kHandlers;
}

}  // namespace

std::optional<Form> form_of_keywords(Normaliser& normaliser,
                                     const Value& schema) {
  return Reader(normaliser, schema).run();
}

}  // namespace pilotfish::json_schema
