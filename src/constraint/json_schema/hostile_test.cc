// Schemas that would take all memory or forever, if anybody let them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>

#include "constraint/automaton.h"
#include "constraint/json_schema/schema_grammar.h"
#include "constraint/json_schema/testing/texts.h"
#include "constraint/json_schema/testing/try_schema.h"
#include "constraint/matcher.h"
#include "constraint/shared_walks.h"
#include "pilotfish/constraint.h"
#include "pilotfish/error.h"
#include "source_dir.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// "", "X", "X, X": `each` is called with 0, 1, ...
template <typename Each>
std::string listed(int count, const Each& each) {
  std::string all;
  for (int i = 0; i < count; ++i) all += (i > 0 ? ", " : "") + each(i);
  return all;
}

TEST(HostileSchema, IsRefusedForItsDepth) {
  EXPECT_THROW(json_schema_grammar(repeated(R"({"items": )", 100000) + "{}" +
                                   repeated("}", 100000)),
               UsageError);
  EXPECT_THROW(json_schema_grammar(repeated("[", 1000000)), UsageError);
}

TEST(HostileSchema, IsRefusedForItsCombinations) {
  // 3^12 ways to satisfy all of twelve choices.
  const std::string choices = listed(12, [](int i) {
    return fmt::format(
        R"({{"anyOf": [{{"required": ["a{0}"]}}, {{"required": ["b{0}"]}},
            {{"required": ["c{0}"]}}]}})",
        i);
  });
  EXPECT_THROW(json_schema_grammar(R"({"allOf": [)" + choices + "]}"),
               UsageError);
  const std::string overlapping = listed(14, [](int i) {
    return fmt::format(
        R"({{"properties": {{"a{}": {{"type": "integer"}},
            "b": {{"minimum": {}}}}}}})",
        i, i);
  });
  EXPECT_THROW(json_schema_grammar(R"({"oneOf": [)" + overlapping + "]}"),
               UsageError);
}

TEST(HostileSchema, IsRefusedForReferencesInACircle) {
  EXPECT_THROW(json_schema_grammar(R"({"$ref": "#"})"), UsageError);
  EXPECT_THROW(json_schema_grammar(
                   R"({"not": {"$ref": "#/$defs/a"},
                       "$defs": {"a": {"anyOf": [{"$ref": "#"}, {}]}}})"),
               UsageError);
  const std::string chain = listed(5000, [](int i) {
    return fmt::format(R"("d{}": {{"$ref": "#/$defs/d{}"}})", i, i + 1);
  });
  EXPECT_THROW(json_schema_grammar(R"({"$ref": "#/$defs/d0", "$defs": {)" +
                                   chain + R"(, "d5000": {}}})"),
               UsageError);
}

TEST(HostileSchema, IsRefusedForCountsThatCannotBeKept) {
  for (const char* schema :
       {R"({"type": "string", "pattern": "^(ab|c)*$", "maxLength": 100000})",
        R"({"multipleOf": 1234567})", R"({"multipleOf": 1e-300})",
        R"({"minimum": 1e999})",
        R"({"type": "object", "minProperties": 3, "maxProperties": 100000})",
        R"({"type": "array", "contains": {"const": 1}, "minContains": 99999})",
        R"({"type": "array", "items": {"type": "object"},
            "minItems": 100000000})"}) {
    EXPECT_THROW(Automaton::compile(json_schema_grammar(schema)), UsageError)
        << schema;
  }
}

// Each of these took from ten seconds to minutes before work was counted.
TEST(HostileSchema, IsRefusedForTheWorkThatItMakes) {
  const std::string patterns = listed(
      300, [](int i) { return fmt::format(R"({{"pattern": "{}.*x"}})", i); });
  const std::string expensive = listed(300, [](int i) {
    return fmt::format(R"("p{0}": {{"pattern": "(a|b)*a(a|b){{12}}x{0}$"}})",
                       i);
  });
  const std::string minima = listed(10000, [](int i) {
    return fmt::format(R"("p{0}": {{"type": "integer", "minimum": {0}}})", i);
  });
  for (const std::string& schema : {R"({"oneOf": [)" + patterns + "]}",
                                    R"({"properties": {)" + expensive + "}}",
                                    R"({"properties": {)" + minima + "}}"}) {
    EXPECT_THAT([&] { Automaton::compile(json_schema_grammar(schema)); },
                ThrowsMessage<UsageError>(HasSubstr("too long to compile")));
  }
}

// What gives no text is looked for along the chain once, not once per link.
TEST(HostileSchema, MayBeALongChain) {
  const std::string chain = listed(4000, [](int i) {
    return fmt::format(
        R"("d{}": {{"type": "object", "properties": {{"next":
            {{"$ref": "#/$defs/d{}"}}}}, "required": ["next"],
            "additionalProperties": false}})",
        i, i + 1);
  });
  const auto compiled = [&](const char* last) {
    return Automaton::compile(
        json_schema_grammar(R"({"$ref": "#/$defs/d0", "$defs": {)" + chain +
                            R"(, "d4000": )" + last + "}}"));
  };
  EXPECT_GT(compiled(R"({"type": "null"})")->table().size(), 4000);
  EXPECT_THAT([&] { compiled("false"); },
              ThrowsMessage<UsageError>(HasSubstr("no value at all")));
}

TEST(HostileSchema, MayExcludeManyNumbers) {
  const std::string numbers =
      listed(1000, [](int i) { return std::to_string(i * 7919); });
  const test::SchemaTexts texts(R"({"type": "integer", "not": {"enum": [)" +
                                numbers + "]}}");
  EXPECT_TRUE(texts.contains("7920"));
  EXPECT_FALSE(texts.contains("7919"));
  EXPECT_FALSE(texts.contains("7911081"));  // 999 * 7919
}

// A server may be sent ever other schemas: what is kept of each goes with it,
// and what they share has a limit.
TEST(HostileSchema, LeavesNothingBehind) {
  const auto bytes = [](int i) {
    const Matcher matcher(
        Constraint::json_schema(fmt::format(
            R"({{"properties": {{"key{0}": {{"pattern": "^x{{{0}}}y*$"}}}}}})",
            i + 1)),
        test::byte_vocabulary());
    Matcher::State state = matcher.begin();
    for (const char byte : fmt::format(R"({{"key{}": "x)", i + 1)) {
      matcher.mask(state);
      EXPECT_TRUE(matcher.advance(state, static_cast<unsigned char>(byte)));
    }
    return test::byte_vocabulary()->shared_walks().walks.bytes();
  };
  std::int64_t most = 0;
  for (int i = 0; i < 200; ++i) most = std::max(most, bytes(i));
  EXPECT_GT(most, 0);
  EXPECT_LE(most, SharedWalks::kMostBytes + (std::int64_t{1} << 20));
}

TEST(HostileSchema, MayBeLarge) {
  const std::string names =
      listed(20000, [](int i) { return fmt::format("\"name-{}\"", i * 7919); });
  EXPECT_NO_THROW(json_schema_grammar(R"({"enum": [)" + names + "]}"));
  const std::string properties = listed(1000, [](int i) {
    return fmt::format(R"("p{}": {{"type": "integer"}})", i);
  });
  const test::SchemaTexts texts(R"({"type": "object", "properties": {)" +
                                properties + "}}");
  EXPECT_TRUE(texts.contains(R"({"p3": 1, "p500": 2, "p999": 3, "x": 4})"));
  EXPECT_FALSE(texts.contains(R"({"p500": 2, "p3": 1})"));
  EXPECT_FALSE(texts.contains(R"({"p500": ""})"));
}

TEST(FuzzCorpus, SchemasAreHarmless) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           test::source_dir() / "fuzz" / "corpus" / "schema")) {
    SCOPED_TRACE(entry.path().string());
    try {
      test::try_schema(test::read_file(entry.path()));
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
    ++cases;
  }
  EXPECT_GT(cases, 5);
}

}  // namespace
}  // namespace pilotfish
