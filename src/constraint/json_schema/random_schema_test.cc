// Random schemas, and whether their grammars give exactly the values that a
// validator finds valid.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "constraint/json_schema/testing/random_schemas.h"
#include "constraint/json_schema/testing/texts.h"
#include "constraint/json_schema/testing/validate.h"
#include "constraint/json_schema/value.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using json_schema::Value;

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
  test::RandomSchemas draw(seed);
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
