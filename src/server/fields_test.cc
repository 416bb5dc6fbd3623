#include "server/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace pilotfish::server {
namespace {

// The error that an action throws: "PARAM|MESSAGE".
template <typename Action>
std::string refused(const Action& action) {
  try {
    action();
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 400);
    return error.param() + "|" + error.what();
  }
  return "accepted";
}

TEST(ParseBodyTest, TakesOneObjectInUtf8) {
  EXPECT_EQ(parse_body(R"({"a": "é\ud83d\ude00"})")["a"], "é😀");
  for (const char* text :
       {"", "{", "[]", "1", "null", "{}{}", "{\"a\": NaN}", "{\"a\": 'b'}",
        "{\"a\": \"\xC3\"}", "{\"a\": \"\xED\xA0\x80\"}", "{\"\xFF\": 1}",
        "{\"a\": \"\\ud800\"}", "{\"a\": 1,}"}) {
    EXPECT_THAT(refused([&] { parse_body(text); }),
                ::testing::StartsWith("|the body is not"))
        << text;
  }
}

TEST(ParseBodyTest, BoundsDepth) {
  const auto nested = [](int levels) {
    std::string text = R"({"a": )";
    for (int i = 1; i < levels; ++i) text += '[';
    for (int i = 1; i < levels; ++i) text += ']';
    return text + "}";
  };
  EXPECT_NO_THROW(parse_body(nested(64)));
  for (const int levels : {65, 1'000'000}) {
    EXPECT_EQ(refused([&] { parse_body(nested(levels)); }),
              "|the body is nested deeper than 64 levels");
  }
}

class FieldsTest : public ::testing::Test {
 protected:
  const InJson body_ = InJson::parse(R"({
      "zero": null, "yes": true, "n": 3, "whole": 4.0, "x": 2.5,
      "huge": 18446744073709551615, "vast": 1e300,
      "text": "t", "object": {"inner": 1}, "ids": [1, 2.0],
      "bad_ids": [1, -1], "words": ["a", "b"], "mixed": ["a", 1]})");
  const Fields fields_{body_};
};

TEST_F(FieldsTest, ReadsByType) {
  EXPECT_EQ(fields_.boolean("yes"), true);
  EXPECT_EQ(fields_.integer("n"), 3);
  EXPECT_EQ(fields_.integer("whole"), 4);
  EXPECT_EQ(fields_.number("n"), 3.0);
  EXPECT_EQ(fields_.number("x"), 2.5);
  EXPECT_EQ(fields_.string("text"), "t");
  EXPECT_EQ(fields_.object("object")->integer("inner"), 1);
  EXPECT_THAT(*fields_.tokens("ids"), ::testing::ElementsAre(1, 2));
  EXPECT_THAT(*fields_.strings("text"), ::testing::ElementsAre("t"));
  EXPECT_THAT(*fields_.strings("words"), ::testing::ElementsAre("a", "b"));
}

TEST_F(FieldsTest, WhatIsMissingOrNullIsNotThere) {
  for (const char* name : {"zero", "none"}) {
    EXPECT_FALSE(fields_.has(name));
    EXPECT_EQ(fields_.boolean(name), std::nullopt);
    EXPECT_EQ(fields_.integer(name), std::nullopt);
    EXPECT_EQ(fields_.number(name), std::nullopt);
    EXPECT_EQ(fields_.string(name), std::nullopt);
    EXPECT_FALSE(fields_.object(name).has_value());
    EXPECT_EQ(fields_.array(name), nullptr);
    EXPECT_EQ(fields_.tokens(name), std::nullopt);
    EXPECT_EQ(fields_.strings(name), std::nullopt);
  }
}

TEST_F(FieldsTest, NamesWhatIsWrong) {
  EXPECT_EQ(refused([&] { fields_.boolean("n"); }),
            "n|n: is a number, not true or false");
  EXPECT_EQ(refused([&] { fields_.integer("text"); }),
            "text|text: is a string, not a whole number");
  EXPECT_EQ(refused([&] { fields_.integer("x"); }),
            "x|x: 2.5 is not a whole number in range");
  EXPECT_EQ(refused([&] { fields_.integer("huge"); }),
            "huge|huge: 18446744073709551615 is not a whole number in range");
  EXPECT_EQ(refused([&] { fields_.integer("vast"); }),
            "vast|vast: 1e+300 is not a whole number in range");
  EXPECT_EQ(refused([&] { fields_.integer("n", 4); }), "n|n: 3 is below 4");
  EXPECT_EQ(refused([&] { fields_.integer("n", 0, 2); }),
            "n|n: 3 is not in 0 to 2");
  EXPECT_EQ(refused([&] { fields_.number("yes"); }),
            "yes|yes: is a boolean, not a number");
  EXPECT_EQ(refused([&] { fields_.string("ids"); }),
            "ids|ids: is an array, not a string");
  EXPECT_EQ(refused([&] { fields_.object("text"); }),
            "text|text: is a string, not an object");
  EXPECT_EQ(refused([&] { fields_.object("object")->string("inner"); }),
            "object.inner|object.inner: is a number, not a string");
  EXPECT_EQ(refused([&] { fields_.array("object"); }),
            "object|object: is an object, not an array");
  EXPECT_EQ(refused([&] { fields_.tokens("bad_ids"); }),
            "bad_ids[1]|bad_ids[1]: -1 is no token id");
  EXPECT_EQ(refused([&] { fields_.strings("mixed"); }),
            "mixed[1]|mixed[1]: is a number, not a string");
}

TEST_F(FieldsTest, RefusesWhatIsNotSupportedWhereItSaysSomething) {
  const InJson body = InJson::parse(
      R"({"a": null, "b": [], "c": "", "d": false, "e": {}, "f": [1]})");
  const Fields fields(body);
  EXPECT_NO_THROW(fields.refuse_any({"a", "b", "c", "d", "e", "x"}, "no"));
  EXPECT_EQ(refused([&] { fields.refuse_any({"a", "f"}, "no"); }), "f|f: no");
}

}  // namespace
}  // namespace pilotfish::server
