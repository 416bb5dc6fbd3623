#include "cli/flag_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
T parse(const std::string& text, const FlagRules& rules = {}) {
  return parse_value<T>("--flag", text, rules);
}

template <typename T>
void expect_refused(const std::string& text, const FlagRules& rules = {}) {
  try {
    parse<T>(text, rules);
    ADD_FAILURE() << text << " was let through";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("--flag: found \"" + text + "\""),
                                    HasSubstr("expected")));
  }
}

template <typename T>
void expect_whole_numbers() {
  using Limits = std::numeric_limits<T>;
  const std::string most = std::to_string(Limits::max());
  const std::string least = std::to_string(Limits::min());
  EXPECT_EQ(parse<T>(most), Limits::max());
  EXPECT_EQ(parse<T>(least), Limits::min());
  EXPECT_EQ(parse<T>("+7"), 7);
  EXPECT_EQ(parse<T>("010"), 10);  // not octal
  for (const std::string& text : std::vector<std::string>{
           most + "0", "99999999999999999999", "5x", "5 ", " 5", "5.0", "1e3",
           "0x10", "", "-", "+", "+-5", "--5", "five", "5,6", "1'000"}) {
    expect_refused<T>(text);
  }
  if (std::numeric_limits<T>::is_signed) {
    expect_refused<T>(least + "0");
  } else {
    expect_refused<T>("-1");
  }
}

TEST(FlagValues, WholeNumbersFitTheirTypeThroughAndThrough) {
  expect_whole_numbers<int>();
  expect_whole_numbers<std::int64_t>();
  expect_whole_numbers<std::uint64_t>();
}

TEST(FlagValues, OtherNumbersAreFinite) {
  EXPECT_EQ(parse<double>("0.5"), 0.5);
  EXPECT_EQ(parse<double>("-2"), -2);
  EXPECT_EQ(parse<double>("+1e-3"), 1e-3);
  for (const char* text : {"nan", "inf", "-inf", "infinity", "1e999", "0.5x",
                           "0,5", "", ".", "0x1p3", " 1", "1 "}) {
    expect_refused<double>(text);
  }
}

TEST(FlagValues, RangesAreKept) {
  FlagRules rules;
  rules.range = {1, 64};
  EXPECT_EQ(parse<int>("1", rules), 1);
  EXPECT_EQ(parse<std::uint64_t>("64", rules), 64u);
  expect_refused<int>("0", rules);
  expect_refused<std::int64_t>("65", rules);
  expect_refused<std::uint64_t>("18446744073709551615", rules);
}

TEST(FlagValues, NoneIsEmptyUnlessItMayBe) {
  FlagRules list;
  list.comma_separated = true;
  FlagRules repeated;
  repeated.repeatable = true;
  const auto refused = [](const std::vector<std::string>& arguments,
                          const FlagRules& rules) {
    try {
      values_of("--flag", arguments, rules);
      return false;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(),
                  AllOf(HasSubstr("--flag: "), HasSubstr("empty")));
      return true;
    }
  };
  EXPECT_TRUE(refused({""}, {}));
  EXPECT_TRUE(refused({"a", ""}, {}));
  EXPECT_TRUE(refused({"a,,b"}, list));
  EXPECT_TRUE(refused({"a,"}, list));
  EXPECT_TRUE(refused({""}, list));
  EXPECT_TRUE(refused({"a", ""}, repeated));
  FlagRules text;
  text.may_be_empty = true;
  EXPECT_THAT(values_of("--flag", {""}, text), ElementsAre(""));
}

TEST(FlagValues, TheLastCountsUnlessTheFlagRepeats) {
  FlagRules rules;
  EXPECT_THAT(values_of("--flag", {"a", "b"}, rules), ElementsAre("b"));
  rules.comma_separated = true;
  EXPECT_THAT(values_of("--flag", {"a,b", "c,d"}, rules),
              ElementsAre("c", "d"));
  rules = {};
  rules.repeatable = true;
  EXPECT_THAT(values_of("--flag", {"a,b", "c"}, rules),
              ElementsAre("a,b", "c"));
}

}  // namespace
}  // namespace pilotfish::cli
