// Random schemas, and whether their grammars give exactly the values that a
// validator finds valid.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "constraint/json_schema/testing/texts.h"
#include "constraint/json_schema/testing/validate.h"
#include "constraint/json_schema/value.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using json_schema::Value;

class RandomSchemas {
 public:
  explicit RandomSchemas(unsigned seed) : random_(seed) {}

  std::string schema(int depth) {
    if (depth == 0 && draw(4) == 0) return draw(4) == 0 ? "false" : "true";
    std::vector<std::string> members;
    const int count = 1 + draw(3);
    for (int i = 0; i < count; ++i) add_keywords(depth, members);
    return "{" + joined(members) + "}";
  }

  // The values that all schemas are tried on; keys and items are few.
  std::string value(int depth) {
    switch (draw(depth > 0 ? 9 : 5)) {
      case 0:
        return one_of({"null", "true", "false"});
      case 1:
      case 2:
        return one_of({"-1", "0", "1", "2", "0.5", "1.5", "3", "10"});
      case 3:
      case 4:
        return one_of({R"("")", R"("a")", R"("b")", R"("ab")", R"("abc")"});
      case 5:
      case 6: {
        std::vector<std::string> items;
        for (int i = draw(4); i > 0; --i) items.push_back(value(depth - 1));
        return "[" + joined(items) + "]";
      }
      default: {
        std::vector<std::string> members;
        for (const char* key : {"a", "b", "ab", "c"}) {
          if (draw(2) == 0) continue;
          members.push_back(std::string("\"") + key + "\": " + value(depth - 1));
        }
        return "{" + joined(members) + "}";
      }
    }
  }

  int draw(int below) {
    return std::uniform_int_distribution<int>(0, below - 1)(random_);
  }

 private:
  std::string one_of(std::vector<std::string> texts) {
    return texts[static_cast<std::size_t>(draw(static_cast<int>(texts.size())))];
  }

  static std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) {
      text += (text.empty() ? "" : ", ") + part;
    }
    return text;
  }

  std::string key() { return one_of({R"("a")", R"("b")", R"("ab")", R"("c")"}); }
  std::string keys() {
    const std::string first = key();
    const std::string second = key();
    return "[" + first + (first == second ? "" : ", " + second) + "]";
  }
  std::string number() { return one_of({"-1", "0", "0.5", "1", "2", "3"}); }
  std::string small() { return one_of({"0", "1", "2"}); }
  std::string schemas(int depth) {
    std::vector<std::string> all;
    for (int i = 1 + draw(3); i > 0; --i) all.push_back(schema(depth - 1));
    return "[" + joined(all) + "]";
  }
  std::string named_schemas(int depth) {
    const std::string first = key();
    const std::string second = key();
    std::string text = "{" + first + ": " + schema(depth - 1);
    if (first != second) text += ", " + second + ": " + schema(depth - 1);
    return text + "}";
  }

  void add(const std::string& keyword, const std::string& value,
           std::vector<std::string>& members) {
    const std::string name = "\"" + keyword + "\": ";
    const auto is_it = [&](const std::string& member) {
      return member.starts_with(name);
    };
    if (std::ranges::none_of(members, is_it)) members.push_back(name + value);
  }

  void add_keywords(int depth, std::vector<std::string>& members) {
    const std::string types = one_of(
        {R"("object")", R"("array")", R"("string")", R"("integer")",
         R"("number")", R"(["object", "null"])", R"(["string", "integer"])"});
    switch (draw(depth > 0 ? 26 : 10)) {
      case 0:
      case 1:
        return add("type", types, members);
      case 2:
        return add("enum", "[" + value(1) + ", " + value(1) + "]", members);
      case 3:
        return add("const", value(1), members);
      case 4:
        return add(one_of({"minimum", "maximum", "exclusiveMinimum",
                           "exclusiveMaximum"}),
                   number(), members);
      case 5:
        return add("multipleOf", one_of({"1", "2", "0.5"}), members);
      case 6:
        return add(one_of({"minLength", "maxLength"}), small(), members);
      case 7:
        return add("pattern", one_of({R"("a")", R"("b")", R"("ab")"}), members);
      case 8:
        return add("required", keys(), members);
      case 9:
        return add(one_of({"minItems", "maxItems"}), small(), members);
      case 10:
      case 11:
      case 12:
        return add("properties", named_schemas(depth), members);
      case 13:
        return add("patternProperties", named_schemas(depth), members);
      case 14:
        return add("additionalProperties", schema(depth - 1), members);
      case 15:
        return add("propertyNames", schema(depth - 1), members);
      case 16:
        return add(one_of({"minProperties", "maxProperties"}), small(), members);
      case 17:
        return add("prefixItems", schemas(depth), members);
      case 18:
        return add("items", schema(depth - 1), members);
      case 19:
        add("contains", schema(depth - 1), members);
        if (draw(2) == 0) add("minContains", small(), members);
        if (draw(2) == 0) add("maxContains", small(), members);
        return;
      case 20:
        return add(one_of({"allOf", "anyOf"}), schemas(depth), members);
      case 21:
        return add("oneOf", schemas(depth), members);
      case 22:
        return add("not", schema(depth - 1), members);
      case 23:
        add("if", schema(depth - 1), members);
        add("then", schema(depth - 1), members);
        if (draw(2) == 0) add("else", schema(depth - 1), members);
        return;
      case 24:
        return add("dependentRequired", "{" + key() + ": " + keys() + "}",
                   members);
      default:
        return add("dependentSchemas", named_schemas(depth), members);
    }
  }

  std::mt19937 random_;
};

bool contains_as_it_is(const test::SchemaTexts& texts, const Value& value) {
  return texts.contains(test::json_text(value, test::order_as_it_is));
}

// Whether the keys can come in some order, the same in every object.
bool contains_in_some_order(const test::SchemaTexts& texts,
                            const Value& value) {
  std::vector<std::string> keys = {"a", "ab", "b", "c"};
  do {
    const auto order = [&](const Value& each) {
      std::vector<std::size_t> places = test::order_as_it_is(each);
      if (!each.is(Value::Kind::kObject)) return places;
      std::ranges::sort(places, {}, [&](std::size_t i) {
        return std::ranges::find(keys, each.keys[i]) - keys.begin();
      });
      return places;
    };
    if (texts.contains(test::json_text(value, order))) return true;
  } while (std::ranges::next_permutation(keys).found);
  return false;
}

struct Counts {
  int compiled = 0;
  int valid = 0;
  int invalid = 0;
};

template <typename Contains>
void try_schema(const std::string& source, const std::vector<Value>& values,
                bool keep_order, const Contains& contains, Counts& counts) {
  SCOPED_TRACE(source);
  const Value schema = json_schema::parse_value(source);
  try {
    const test::SchemaTexts texts(source, {.keep_order = keep_order});
    ++counts.compiled;
    for (const Value& value : values) {
      const bool is_valid = test::Validator::valid(schema, value);
      ++(is_valid ? counts.valid : counts.invalid);
      ASSERT_EQ(contains(texts, value), is_valid)
          << test::json_text(value, test::order_as_it_is);
    }
  } catch (const UsageError& error) {
    const std::string message = error.what();
    if (message.find("no value at all") == message.npos) return;
    for (const Value& value : values) {
      ASSERT_FALSE(test::Validator::valid(schema, value))
          << test::json_text(value, test::order_as_it_is);
    }
  }
}

// Tries `rounds` schemas on values that are nested `depth` deep.
template <typename Contains>
void try_schemas(unsigned seed, int rounds, int depth, bool keep_order,
                 const Contains& contains) {
  RandomSchemas draw(seed);
  Counts counts;
  for (int round = 0; round < rounds && !::testing::Test::HasFailure();
       ++round) {
    const std::string source = draw.schema(3);
    std::vector<Value> values;
    for (int i = 0; i < 20; ++i) {
      values.push_back(json_schema::parse_value(draw.value(depth)));
    }
    try_schema(source, values, keep_order, contains, counts);
  }
  EXPECT_GT(counts.compiled, rounds * 3 / 4);
  EXPECT_GT(counts.valid, rounds * 3);
  EXPECT_GT(counts.invalid, rounds * 3);
}

TEST(RandomSchema, GivesWhatAValidatorFindsValidInAnyOrder) {
  try_schemas(7, 150, 2, false, contains_as_it_is);
}

TEST(RandomSchema, GivesWhatAValidatorFindsValidInSomeOrder) {
  try_schemas(8, 150, 1, true, contains_in_some_order);
}

}  // namespace
}  // namespace pilotfish
