#include "constraint/gbnf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "constraint/testing/recognise.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string gbnf_refusal(std::string_view source) {
  try {
    gbnf_to_grammar(source);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "not refused";
}

struct GbnfCase {
  std::string source;
  std::vector<std::string> fitting;
  std::vector<std::string> others;
};

TEST(Gbnf, ReadsWhatLlamaCppReads) {
  const std::vector<GbnfCase> cases = {
      {"root ::= \"ab\" [c-e]", {"abc", "abe"}, {"abf", "ab"}},
      {"root ::= \"a\" | \"b\" | ", {"a", "b", ""}, {"ab"}},
      {"root ::= a b?\na ::= \"x\"\nb ::= \"y\"", {"x", "xy"}, {"y"}},
      {"root ::= [ab]* [c]+ \"d\"?", {"c", "abccd"}, {"ab", "cdd"}},
      {"root ::= \"ab\"{2} \"c\"{1,} \"d\"{0,2} \"e\"{1 , 2}",
       {"ababce", "ababccddee"},
       {"abce", "ababe"}},
      {"root ::= (\"a\" | \"b\" \"c\")+", {"abca"}, {"b"}},
      {"root ::= (\n  # a comment with ( and \"\n  \"a\" #another\n\n  "
       "\"b\"\n)\n",
       {"ab"},
       {"a"}},
      {"# first\n\nroot ::=\n  \"a\" |\n\n  \"b\" # last", {"a", "b"}, {""}},
      {"root ::= \"a\" \"b\"\t# to the end\r\n\r\nx ::= \"c\"\r",
       {"ab"},
       {"c"}},
      {"root ::= [^\\n\"x-z]", {"a", "\u00E9", "\r"}, {"\n", "\"", "y", ""}},
      {"root ::= .", {"a", "\n", "\U0001F41F"}, {"", "\xFF"}},
      {R"(root ::= "\x41\u00e9\U0001F41F\t\r\n\\\"\[\]\-")",
       {"A\u00E9\U0001F41F\t\r\n\\\"[]-"},
       {}},
      {R"(root ::= [\]\\\-a] [-+] [+-])", {"]-+", "\\+-", "a--"}, {"b--"}},
      {"root ::= [\u3041-\u309F]+", {"\u3042\u3093"}, {"a"}},
      {"root ::= [a^] \"^\"", {"^^", "a^"}, {"b^"}},
      {"root ::= \"\" \"a\"*", {"", "aa"}, {"b"}},
      {"root ::= \"a\"{2}{2} \"b\"?*", {"aaaa", "aaaabb"}, {"aaa"}},
      {"root ::= dash-ed under_score 7th\ndash-ed ::= \"a\"\n"
       "under_score ::= \"b\"\n7th ::= \"c\"",
       {"abc"},
       {}},
      {"root ::= \"[\" (root (\",\" root)*)? \"]\"",
       {"[]", "[[],[[]]]"},
       {"["}},
      {"root ::= [\\uD7FF-\\uE000]", {"\uD7FF", "\uE000"}, {"a"}},
  };
  for (const GbnfCase& one : cases) {
    SCOPED_TRACE(one.source);
    const Grammar grammar = gbnf_to_grammar(one.source);
    for (const std::string& text : one.fitting) {
      EXPECT_TRUE(test::matches(grammar, text)) << text;
    }
    for (const std::string& text : one.others) {
      EXPECT_FALSE(test::matches(grammar, text)) << text;
    }
  }
}

TEST(Gbnf, TokensHaveIds) {
  const Grammar grammar = gbnf_to_grammar("root ::= <[7]> \"a\" <[1000]>?");
  using test::kTokenSymbol;
  EXPECT_TRUE(
      test::Recogniser(grammar, {kTokenSymbol + 7, 'a', kTokenSymbol + 1000})
          .matches());
  EXPECT_TRUE(test::Recogniser(grammar, {kTokenSymbol + 7, 'a'}).matches());
  EXPECT_FALSE(test::Recogniser(grammar, {'a'}).matches());
  EXPECT_THAT(gbnf_refusal("root ::= <think>"), HasSubstr("write its id"));
  EXPECT_THAT(gbnf_refusal("root ::= !<[7]>"), HasSubstr("cannot be enforced"));
  EXPECT_THAT(gbnf_refusal("root ::= <[x]>"), HasSubstr("<[1000]>"));
  EXPECT_THAT(gbnf_refusal("root ::= <[2147483648]>"), HasSubstr("<[1000]>"));
}

TEST(Gbnf, NamesTheLineAndColumnOfAMistake) {
  EXPECT_EQ(gbnf_refusal("root ::= \"\u00E9\" x\ny ::= \"a\""),
            "grammar, line 1, column 14: there is no rule \"x\"");
  EXPECT_EQ(gbnf_refusal("root ::= \"a\"\n  = b"),
            "grammar, line 2, column 3: expected the name of a rule, found "
            "\"=\"");
  EXPECT_EQ(gbnf_refusal("root ::= \"a\n\n"),
            "grammar, line 1, column 10: '\"' without its closing '\"'");
  EXPECT_EQ(gbnf_refusal("root ::= (\"a\"\n"),
            "grammar, line 1, column 10: '(' without its ')'");
  EXPECT_THAT(gbnf_refusal("root ::= \"a\"\n| \"b\""),
              HasSubstr("behind a '|' at the end"));
  EXPECT_THAT(gbnf_refusal("a ::= \"b\""), HasSubstr("no rule \"root\""));
  EXPECT_THAT(gbnf_refusal(""), HasSubstr("no rule \"root\""));
}

TEST(Gbnf, RefusesMalformedSources) {
  for (const char* source : {"root",
                             "root :=",
                             "root ::= )",
                             "root ::= (a",
                             "root ::= \"a\" = b",
                             "root ::= *",
                             "root ::= \"a\" | +",
                             "root ::= \"a\"{",
                             "root ::= \"a\"{}",
                             "root ::= \"a\"{,2}",
                             "root ::= \"a\"{2",
                             "root ::= \"a\"{2;3}",
                             "root ::= \"a\"{3,2}",
                             "root ::= \"a\"{2000000000}",
                             "root ::= \"a\"{99999999999999999999}",
                             "root ::= [a",
                             "root ::= []",
                             "root ::= [^]",
                             "root ::= [b-a]",
                             "root ::= [a-",
                             "root ::= \"\\q\"",
                             "root ::= \"\\x4\"",
                             "root ::= \"\\uD800\"",
                             "root ::= \"\\U00110000\"",
                             "root ::= \"\\",
                             "root ::= [\\^]",
                             "root ::= \"a\"\nroot ::= \"b\"",
                             "root ::= {2}",
                             "root ::= 'a'",
                             "root ::= \"a\" $",
                             "::= \"a\"",
                             "root ::= \"a\" \"b",
                             "root ::= <[7]",
                             "root ::= (\"a\"\nb ::= \"c\")"}) {
    EXPECT_THAT(gbnf_refusal(source), StartsWith("grammar, line ")) << source;
  }
  EXPECT_THAT(gbnf_refusal("root ::= \"\xFF\""), HasSubstr("not UTF-8"));
}

TEST(Gbnf, RefusesLeftRecursion) {
  EXPECT_EQ(gbnf_refusal("root ::= e\ne ::= e \"+\" t | t\nt ::= [0-9]"),
            "grammar, line 2, column 1: rule \"e\" calls itself before any "
            "character: e -> e");
  EXPECT_THAT(gbnf_refusal("root ::= a\na ::= b \"x\"\nb ::= c?\nc ::= a"),
              HasSubstr("calls itself before any character"));
  // Hidden behind what may be empty, in a rule that nobody calls.
  EXPECT_THAT(
      gbnf_refusal("root ::= \"a\"\nws ::= \" \"*\nx ::= ws (ws | \"y\") x"),
      HasSubstr("x -> x"));
  EXPECT_THAT(gbnf_refusal("root ::= root"), HasSubstr("root -> root"));
  EXPECT_THAT(gbnf_refusal("root ::= (root)* \"a\""),
              HasSubstr("root -> root"));
  EXPECT_EQ(gbnf_refusal("root ::= \"a\" root | \"(\" root \")\" | "),
            "not refused");
}

TEST(Gbnf, StandsHostileSources) {
  EXPECT_THAT(gbnf_refusal(std::string(10 << 20, 'a')), HasSubstr("at most"));
  EXPECT_THAT(gbnf_refusal("root ::= " + std::string(100'000, '(')),
              HasSubstr("nested"));
  EXPECT_THAT(gbnf_refusal("root ::= \"a\"" + std::string(100'000, '*')),
              HasSubstr("nested"));
  EXPECT_EQ(gbnf_refusal("root ::= ((\"a\"{1,1000}){1,1000}){1,1000}"),
            "not refused");
  std::string words;
  std::string rest = "root ::= \"z\"";
  for (int i = 0; i < 200'000; ++i) rest += " | \"" + std::to_string(i) + "\"";
  EXPECT_THAT(gbnf_refusal(rest), HasSubstr("too large"));
  std::string chain = "root ::= r1\n";
  for (int i = 1; i < 50'000; ++i) {
    chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + "\n";
  }
  EXPECT_EQ(gbnf_refusal(chain + "r50000 ::= \"a\""), "not refused");
  const std::string circle = gbnf_refusal(chain + "r50000 ::= r1");
  EXPECT_THAT(circle, HasSubstr("calls itself before any character"));
  EXPECT_LT(circle.size(), 300u);
}

}  // namespace
}  // namespace pilotfish
