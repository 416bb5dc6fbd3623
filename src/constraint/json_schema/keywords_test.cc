#include "constraint/json_schema/keywords.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "constraint/json_schema/schema_grammar.h"
#include "constraint/json_schema/testing/texts.h"
#include "constraint/testing/recognise.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

struct Case {
  const char* name;
  std::string schema;
  std::vector<std::string> valid;
  std::vector<std::string> invalid;
};

void PrintTo(const Case& the_case, std::ostream* out) { *out << the_case.name; }

class SchemaCase : public ::testing::TestWithParam<Case> {};

// The automaton and the recogniser, which know nothing of each other, have to
// agree.
TEST_P(SchemaCase, GivesValidTextsAlone) {
  const test::SchemaTexts texts(GetParam().schema);
  const Grammar grammar = json_schema_grammar_without_tables(GetParam().schema);
  for (const std::string& text : GetParam().valid) {
    EXPECT_TRUE(texts.contains(text)) << text;
    EXPECT_TRUE(test::matches(grammar, text)) << text;
  }
  for (const std::string& text : GetParam().invalid) {
    EXPECT_FALSE(texts.contains(text)) << text;
    EXPECT_FALSE(test::matches(grammar, text)) << text;
  }
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Scalars, SchemaCase,
    ::testing::ValuesIn(std::vector<Case>{
        {"Anything",
         "true",
         {"null", "[]", "{}", R"({"a":[1,{"b":null}]})", "-1.5e-3", "[ ]",
          "{\n  \"a\": 1\n}", R"("\u00e9\ud83d\ude00\/")"},
         {"", "nul", "[1,]", "{\"a\"}", "01", "1.", R"("\ud83d")", "1e400",
          "[1]]", "\"\x01\"", "\"\xff\""}},
        {"Null", R"({"type": "null"})", {"null"}, {"0", "false", "\"null\""}},
        {"Boolean", R"({"type": "boolean"})", {"true", "false"}, {"null", "1"}},
        {"Integer",
         R"({"type": "integer"})",
         {"0", "-1", "123456789012345678901234567890"},
         {"1.0", "1e3", "-0", "01", "\"1\"", ""}},
        {"Number",
         R"({"type": "number"})",
         {"0", "-0", "1.50", "1E+2", "1e-300"},
         {"1e999", ".5", "+1", "NaN"}},
        {"Types", R"({"type": ["string", "null"]})", {"\"a\"", "null"}, {"1"}},
        {"Nullable",
         R"({"type": "string", "nullable": true})",
         {"\"a\"", "null"},
         {"1"}},
        {"Enum",
         R"({"enum": ["a", "é\n", 1, 2.50, null, [1], {"a": 1}]})",
         {"\"a\"", "\"é\\n\"", "1", "2.5", "null", "[1]", R"({"a":1})"},
         {"\"b\"", "3", "2.50", "[]", "[1, 1]", "{}", "\"\\u0061\""}},
        {"EnumOfType",
         R"({"type": "string", "enum": ["a", 1]})",
         {"\"a\""},
         {"1"}},
        {"Const",
         R"({"const": {"a": [true]}})",
         {R"({"a": [true]})"},
         {R"({"a": []})", "{}", R"({"a": [true], "b": 1})"}},
        {"Minimum",
         R"({"type": "integer", "minimum": 7, "maximum": 123})",
         {"7", "8", "10", "99", "123"},
         {"6", "0", "-7", "124", "1000"}},
        {"NegativeBounds",
         R"({"minimum": -12.5, "exclusiveMaximum": -0.25})",
         {"-12.5", "-12.50", "-1", "-0.26", "\"a\""},
         {"-12.51", "-0.25", "0", "-100", "1"}},
        {"ExclusiveOfDraft4",
         R"({"type": "integer", "minimum": 1, "exclusiveMinimum": true})",
         {"2"},
         {"1", "0"}},
        {"LargeBounds",
         R"({"maximum": 1.7976931348623157e308})",
         {"1", "-99999999999999999999"},
         {}},
        {"MultipleOf",
         R"({"type": "number", "multipleOf": 0.05})",
         {"0", "0.05", "0.1", "1.10", "-7.55", "3"},
         {"0.01", "0.051", "1.12", "0.050000001"}},
        {"MultipleOfInteger",
         R"({"type": "integer", "multipleOf": 7})",
         {"0", "7", "-14", "700"},
         {"1", "8", "-13"}},
        {"Lengths",
         R"({"type": "string", "minLength": 1, "maxLength": 2})",
         {"\"a\"", "\"é\"", R"("\n😀")", R"("\ud83d\ude00x")"},
         {"\"\"", "\"abc\"", R"("\n\n\n")"}},
        {"HugeLength",
         R"({"type": "string", "maxLength": 2147483648})",
         {"\"\"", "\"abc\""},
         {"1"}},
        {"Pattern",
         R"({"type": "string", "pattern": "^a+$|\\d{2}"})",
         {"\"a\"", "\"x12y\"", "\"\\\"12\""},
         {"\"ab\"", "\"1\"", "\"\""}},
        {"PatternAndLength",
         R"({"type": "string", "pattern": "^[a-zé]*$", "maxLength": 3})",
         {"\"\"", "\"aéa\""},
         {"\"abca\"", "\"A\""}},
        {"PatternOfControlCharacters",
         R"({"type": "string", "pattern": "^\\s$"})",
         {"\" \"", "\"\\n\"", "\"\\u000b\"", "\"\\u000B\"", "\"\\u000a\""},
         {"\"\\u0020\"", "\"\\u0000\"", "\"\n\""}},
        {"Lookahead",
         R"({"type": "string", "pattern": "^(?!ab)(?=.*c)\\w+$"})",
         {"\"bc\"", "\"aabc\""},
         {"\"abc\"", "\"b\""}},
    }),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Arrays, SchemaCase,
    ::testing::ValuesIn(std::vector<Case>{
        {"Items",
         R"({"type": "array", "items": {"type": "integer"}})",
         {"[]", "[ ]", "[1]", "[1, 2]", "[\n  1,\n  2\n]"},
         {"[null]", "[1 ,2]", "[1 2]", "[,]"}},
        {"Counts",
         R"({"type": "array", "minItems": 1, "maxItems": 2})",
         {"[1]", "[1, []]"},
         {"[]", "[1, 2, 3]"}},
        {"Prefix",
         R"({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}],
             "items": {"const": 3}, "minItems": 1})",
         {"[1]", "[1, 2]", "[1, 2, 3, 3]"},
         {"[]", "[2]", "[1, 2, 4]"}},
        {"ItemsAsList",
         R"({"type": "array", "items": [{"const": 1}],
             "additionalItems": false})",
         {"[]", "[1]"},
         {"[1, 1]"}},
        {"Contains",
         R"({"type": "array", "items": {"enum": [1, 2, 3]},
             "contains": {"const": 2}, "minContains": 2, "maxContains": 3})",
         {"[2, 2]", "[1, 2, 3, 2, 2]"},
         {"[]", "[2]", "[2, 2, 2, 2]"}},
        {"UniqueItems",
         R"({"type": "array", "items": {"enum": ["a", "b", 1]},
             "uniqueItems": true})",
         {"[]", "[1, \"a\"]", "[\"b\", 1, \"a\"]"},
         {"[1, 1]", "[\"c\"]"}},
        {"NoItems",
         R"({"type": "array", "items": false})",
         {"[]", "[ ]"},
         {"[1]"}},
    }),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Objects, SchemaCase,
    ::testing::ValuesIn(std::vector<Case>{
        {"Properties",
         R"({"type": "object",
             "properties": {"a": {"type": "integer"}, "b": {"const": 1},
                            "c": {"const": 2}},
             "required": ["b"]})",
         {R"({"b": 1})", R"({"a": 5, "b": 1, "c": 2})", R"({"b":1,"x":[{}]})",
          "{\n\t\"b\": 1\n}"},
         {"{}", R"({"a": 5})", R"({"b": 1, "a": 5})", R"({"b": 2})",
          R"({"b": 1, "x": 1, "c": 2})", R"({"b": 1, "b": 1})",
          R"({"b": 1, "\u0061": "no integer"})"}},
        {"NothingRequired",
         R"({"type": "object", "properties": {"a": {"const": 1},
             "b": {"const": 2}, "c": {"const": 3}},
             "additionalProperties": false})",
         {"{}", "{ }", R"({"a":1})", R"({"b":2})", R"({"a":1,"c":3})",
          R"({"a":1,"b":2,"c":3})"},
         {R"({"d": 1})", R"({"c":3,"a":1})", R"({"a":1,})", R"({,"a":1})"}},
        {"AdditionalProperties",
         R"({"type": "object", "additionalProperties": {"type": "null"}})",
         {"{}", R"({"a": null, "b": null})"},
         {R"({"a": 1})"}},
        {"PatternProperties",
         R"({"type": "object", "properties": {"ab": {"maximum": 5}},
             "patternProperties": {"^a": {"type": "integer"},
                                   "b$": {"minimum": 1}},
             "additionalProperties": false})",
         {R"({"ab": 3})", R"({"a": 0})", R"({"xb": 1.5})", R"({"axb": 1})"},
         {R"({"ab": 0})", R"({"ab": 6})", R"({"a": 0.5})", R"({"xb": 0})",
          R"({"axb": 1.5})", R"({"x": 1})"}},
        {"PropertyNames",
         R"({"type": "object", "propertyNames": {"pattern": "^[a-c]$"},
             "properties": {"long": {}, "b": {"const": 1}}})",
         {"{}", R"({"b": 1, "a": 2})"},
         {R"({"long": 1})", R"({"d": 1})"}},
        {"Counts",
         R"({"type": "object", "properties": {"a": {}, "b": {}, "c": {}},
             "minProperties": 1, "maxProperties": 2})",
         {R"({"a": 1})", R"({"a": 1, "c": 1})", R"({"x": 1})",
          R"({"b": 1, "x": 1})"},
         {"{}", R"({"a": 1, "b": 1, "c": 1})", R"({"x": 1, "y": 1, "z": 1})"}},
        {"RequiredButNotListed",
         R"({"type": "object", "required": ["x"],
             "patternProperties": {"x": {"const": 1}}})",
         {R"({"x": 1})", R"({"x": 1, "y": 2})"},
         {"{}", R"({"x": 2})"}},
        {"Dependencies",
         R"({"type": "object", "properties": {"a": {}, "b": {}},
             "additionalProperties": false,
             "dependencies": {"a": ["b"]},
             "dependentSchemas": {"b": {"properties": {"b": {"const": 1}}}}})",
         {"{}", R"({"b": 1})", R"({"a": 5, "b": 1})"},
         {R"({"a": 5})", R"({"b": 2})", R"({"a": 5, "b": 2})"}},
        {"Impossible",
         R"({"type": "object", "properties": {"a": {"type": "string",
             "minLength": 3, "maxLength": 2}, "b": {"const": 1}},
             "additionalProperties": false})",
         {"{}", R"({"b": 1})"},
         {R"({"a": ""})"}},
    }),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Joined, SchemaCase,
    ::testing::ValuesIn(std::vector<Case>{
        {"AllOf",
         R"({"allOf": [{"properties": {"a": {"minimum": 1}}, "required": ["a"]},
                       {"properties": {"a": {"maximum": 3}, "b": {}}}],
             "type": "object"})",
         {R"({"a": 2})", R"({"a": 2, "b": 1})"},
         {"{}", R"({"a": 4})", R"({"a": 0})"}},
        {"AnyOf",
         R"({"anyOf": [{"type": "string"}, {"minimum": 5}]})",
         {"\"a\"", "5", "null"},
         {"4"}},
        {"OneOf",
         R"({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}],
             "type": "integer"})",
         {"2", "3", "4", "9"},
         {"6", "0", "5"}},
        {"OneOfRequired",
         R"({"type": "object", "oneOf": [{"required": ["a"]},
                                         {"required": ["b"]}]})",
         {R"({"a": 1})", R"({"b": 1, "x": 1})"},
         {"{}", R"({"a": 1, "b": 1})"}},
        {"Not",
         R"({"not": {"type": "string", "pattern": "a"}})",
         {"\"b\"", "1", "{}"},
         {"\"xa\""}},
        {"NotObject",
         R"({"type": "object", "not": {"properties": {"a": {"const": 1}},
             "required": ["a"]}})",
         {"{}", R"({"a": 2})", R"({"b": 1})"},
         {R"({"a": 1})"}},
        {"IfThenElse",
         R"({"type": "object", "properties": {"kind": {"enum": ["x", "y"]},
                                              "v": {}},
             "required": ["kind", "v"],
             "if": {"properties": {"kind": {"const": "x"}}},
             "then": {"properties": {"v": {"type": "integer"}}},
             "else": {"properties": {"v": {"type": "string"}}}})",
         {R"({"kind": "x", "v": 1})", R"({"kind": "y", "v": "s"})"},
         {R"({"kind": "x", "v": "s"})", R"({"kind": "y", "v": 1})"}},
        {"Recursion",
         R"({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object",
             "properties": {"left": {"$ref": "#/$defs/tree"},
                            "right": {"$ref": "#"}},
             "additionalProperties": false}}})",
         {"{}", R"({"left": {"right": {}}, "right": {}})"},
         {R"({"left": 1})", R"({"left": {"x": 1}})"}},
        {"RecursionWithoutEnd",
         R"({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}},
             "additionalProperties": false,
             "$defs": {"b": {"type": "object", "required": ["b"],
                             "properties": {"b": {"$ref": "#/$defs/b"}}}}})",
         {"{}"},
         {R"({"a": {"b": {}}})"}},
        {"Ids",
         R"({"$id": "http://x/root.json", "type": "object",
             "properties": {"a": {"$ref": "item.json#/$defs/n"},
                            "b": {"$ref": "#here"},
                            "c": {"$ref": "/item.json"}},
             "additionalProperties": false,
             "$defs": {"i": {"$id": "item.json", "type": "string",
                             "$defs": {"n": {"const": 1}}},
                       "h": {"$anchor": "here", "const": 2}}})",
         {R"({"a": 1, "b": 2, "c": "s"})"},
         {R"({"a": 2})", R"({"b": 1})", R"({"c": 1})"}},
        {"SiblingsOfReferences",
         R"({"$ref": "#/$defs/a", "maxLength": 2,
             "$defs": {"a": {"type": "string"}}})",
         {"\"ab\""},
         {"\"abc\"", "1"}},
        {"SiblingsOfReferencesInDraft7",
         R"({"$schema": "http://json-schema.org/draft-07/schema#",
             "allOf": [{"$ref": "#/definitions/a%25/x~1y", "maxLength": 2}],
             "definitions": {"a%": {"x/y": {"type": "string"}}}})",
         {"\"ab\"", "\"abc\""},
         {"1"}},
    }),
    case_name);

auto refused(const std::string& message) {
  return ThrowsMessage<UsageError>(StartsWith(message));
}

TEST(SchemaRefusals, NameTheKeywordAndItsPlace) {
  const auto compile = [](const char* schema) {
    return [schema] { json_schema_grammar(schema); };
  };
  EXPECT_THAT(
      compile(
          R"({"properties": {"a": {"type": "array", "uniqueItems": true}}})"),
      refused("#/properties/a/uniqueItems: cannot be enforced; "));
  EXPECT_THAT(compile(R"({"properties": {"a/b": {"format": "regex"}}})"),
              refused("#/properties/a~1b/format: cannot be enforced; "));
  EXPECT_THAT(compile(R"({"minium": 3})"),
              refused("#/minium: unknown keyword"));
  EXPECT_THAT(compile(R"({"format": "colour"})"),
              refused("#/format: unknown format \"colour\""));
  EXPECT_THAT(compile(R"({"items": {"$ref": "#/$defs/x"}})"),
              refused("#/items/$ref: \"#/$defs/x\" is not in this document"));
  EXPECT_THAT(compile(R"({"$ref": "http://example.com/a.json"})"),
              refused("#/$ref: \"http://example.com/a.json\" is not in"));
  EXPECT_THAT(compile(R"({"type": "text"})"),
              refused("#/type: \"text\" is not a type of JSON"));
  EXPECT_THAT(compile(R"({"minLength": -1})"),
              refused("#/minLength: must be an integer, 0 or greater"));
  EXPECT_THAT(compile(R"x({"pattern": "(a"})x"), refused("#/pattern: "));
  EXPECT_THAT(compile(R"x({"pattern": "a(?=b)"})x"), refused("#/pattern: "));
  EXPECT_THAT(compile(R"({"multipleOf": 0})"), refused("#/multipleOf: "));
  EXPECT_THAT(compile(R"({"properties": {"a": 3}})"),
              refused("#/properties/a: must be a schema"));
  EXPECT_THAT(compile(R"({"type": "object", "minProperties": 2})"),
              refused("#: minProperties above 1 cannot be enforced"));
  EXPECT_THAT(compile(R"({"allOf": [{"$ref": "#"}]})"),
              refused("#: refers to itself"));
  EXPECT_THAT(compile(R"({"type": "string", "enum": [1]})"),
              refused("#: no value at all is valid"));
  EXPECT_THAT(compile("false"), refused("#: no value at all is valid"));
  EXPECT_THAT(compile(R"({"a": 1, "a": 2})"),
              refused("key \"a\" appears twice"));
  EXPECT_THAT(compile("{"), refused("not valid JSON at byte "));
}

TEST(SchemaRefusals, LenientTakesUnknownKeywordsAlone) {
  const JsonSchemaOptions lenient = {.lenient = true};
  EXPECT_NO_THROW(
      json_schema_grammar(R"({"minium": 3, "format": "colour"})", lenient));
  EXPECT_THROW(
      json_schema_grammar(R"({"type": "array", "uniqueItems": true})", lenient),
      UsageError);
  EXPECT_THROW(
      json_schema_grammar(R"({"unevaluatedProperties": false})", lenient),
      UsageError);
  EXPECT_NO_THROW(json_schema_grammar(
      R"({"title": "t", "x-order": 1, "format": "int32", "examples": []})"));
}

TEST(SchemaOptions, SayHowJsonIsWritten) {
  const char* schema =
      R"({"type": "object", "properties": {"a": {}, "b": {}}})";
  using Whitespace = JsonSchemaOptions::Whitespace;
  const test::SchemaTexts compact(schema, {.whitespace = Whitespace::kCompact});
  EXPECT_TRUE(compact.contains(R"({"a":[1,2],"b":{}})"));
  EXPECT_FALSE(compact.contains(R"({"a": 1})"));
  const test::SchemaTexts spaced(schema, {.whitespace = Whitespace::kSpaced});
  EXPECT_TRUE(spaced.contains(R"({"a": [1, 2], "b": {}})"));
  EXPECT_FALSE(spaced.contains(R"({"a":1})"));
  EXPECT_FALSE(spaced.contains(R"({ "a": 1})"));
  const test::SchemaTexts flexible(schema);
  EXPECT_TRUE(flexible.contains("{\n\n  \"a\":\n\t1, \"b\": 2 }"));
  EXPECT_FALSE(flexible.contains("{  }"));
  EXPECT_FALSE(flexible.contains("{\n\n\n}"));
  const test::SchemaTexts unordered(schema, {.keep_order = false});
  EXPECT_TRUE(unordered.contains(R"({"x": 1, "b": 1, "a": 1})"));
  EXPECT_FALSE(unordered.contains(R"({"b": 1, "a": 1, "b": 1})"));
}

TEST(JsonObject, IsAnyObject) {
  const Grammar grammar =
      json_schema_grammar_without_tables(R"({"type": "object"})");
  EXPECT_TRUE(test::matches(grammar, R"({"a": [1, {"b": null}]})"));
  EXPECT_FALSE(test::matches(grammar, "[]"));
}

}  // namespace
}  // namespace pilotfish
