#include "constraint/testing/recognise.h"

#include <gtest/gtest.h>

#include "constraint/grammar.h"

namespace pilotfish {
namespace {

using test::is_prefix;
using test::kTokenSymbol;
using test::matches;
using test::Recogniser;

TEST(Recognise, SaysWhatIsWholeAndWhatIsBegun) {
  Grammar grammar;
  grammar.set_start(grammar.sequence({grammar.text("ab"),
                                      grammar.repeat(grammar.text("cd"), 1, 2),
                                      grammar.optional(grammar.text("e"))}));
  for (const char* whole : {"abcd", "abcdcd", "abcde", "abcdcde"}) {
    EXPECT_TRUE(matches(grammar, whole)) << whole;
  }
  for (const char* begun : {"", "a", "ab", "abc", "abcdc"}) {
    EXPECT_FALSE(matches(grammar, begun)) << begun;
    EXPECT_TRUE(is_prefix(grammar, begun)) << begun;
  }
  for (const char* other : {"b", "abd", "abcdcdcd", "abcdee"}) {
    EXPECT_FALSE(is_prefix(grammar, other)) << other;
  }
}

TEST(Recognise, FollowsRulesThatCallEachOther) {
  Grammar grammar;
  const Grammar::Rule list = grammar.declare("list");
  grammar.define(list, grammar.sequence({grammar.text("["),
                                         grammar.repeat(grammar.call(list), 0,
                                                        Grammar::kUnlimited),
                                         grammar.text("]")}));
  grammar.set_start(grammar.call(list));
  EXPECT_TRUE(matches(grammar, "[[][[]]]"));
  EXPECT_TRUE(is_prefix(grammar, "[[][[]"));
  EXPECT_FALSE(is_prefix(grammar, "[[]]]"));
}

TEST(Recognise, KnowsThatSomeRulesNeverEnd) {
  Grammar grammar;
  const Grammar::Rule endless = grammar.declare("endless");
  grammar.define(endless,
                 grammar.sequence({grammar.text("a"), grammar.call(endless)}));
  grammar.set_start(
      grammar.choice({grammar.call(endless), grammar.text("ab")}));
  EXPECT_TRUE(matches(grammar, "ab"));
  EXPECT_TRUE(is_prefix(grammar, "a"));
  EXPECT_FALSE(is_prefix(grammar, "aa"));
}

TEST(Recognise, RoundsOfARepeatMayBeEmpty) {
  Grammar grammar;
  const Grammar::Expr unit = grammar.optional(grammar.text("a"));
  grammar.set_start(grammar.repeat(unit, 3, 1'000'000'000'000));
  EXPECT_TRUE(matches(grammar, ""));
  EXPECT_TRUE(matches(grammar, "aaaa"));
  EXPECT_FALSE(is_prefix(grammar, "ab"));
}

TEST(Recognise, TokensAreNoBytes) {
  Grammar grammar;
  grammar.set_start(grammar.sequence({grammar.token(7), grammar.text("a")}));
  EXPECT_TRUE(Recogniser(grammar, {kTokenSymbol + 7, 'a'}).matches());
  EXPECT_TRUE(Recogniser(grammar, {kTokenSymbol + 7}).is_prefix());
  EXPECT_FALSE(Recogniser(grammar, {7}).is_prefix());
  EXPECT_FALSE(Recogniser(grammar, {kTokenSymbol + 8}).is_prefix());
}

}  // namespace
}  // namespace pilotfish
