#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "constraint/gbnf.h"
#include "constraint/gbnf_text.h"
#include "constraint/regex.h"
#include "constraint/testing/recognise.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using testing::HasSubstr;

// What is written for a regular expression.
std::string gbnf_of(std::string_view pattern) {
  Grammar grammar;
  grammar.set_start(regex_to_grammar(grammar, pattern));
  return grammar_to_gbnf(grammar);
}

TEST(GbnfWriter, WritesClassesReadably) {
  const auto written = [](std::vector<CodePointRange> ranges) {
    return gbnf_class(CodePointSet(std::move(ranges)));
  };
  EXPECT_EQ(written({{'a', 'z'}, {'_', '_'}, {'0', '1'}}), "[01_a-z]");
  EXPECT_EQ(written({{'-', '-'}, {'a', 'a'}}), "[a-]");
  EXPECT_EQ(written({{'+', '-'}}), "[+-\\x2D]");
  EXPECT_EQ(written({{'[', '^'}}), "[[-\\x5E]");
  EXPECT_EQ(written({{']', ']'}, {'\\', '\\'}, {'^', '^'}}), "[\\\\-\\x5E]");
  EXPECT_EQ(written({{'^', '^'}, {'"', '"'}}), "[\"\\x5E]");
  EXPECT_EQ(written({{0, 0x1F}, {0x7F, 0x7F}}), "[\\x00-\\x1F\\x7F]");
  EXPECT_EQ(written({{0, 9}, {11, kLastCodePoint}}), "[^\\n]");
  EXPECT_EQ(written({{0, kLastCodePoint}}), ".");
  EXPECT_EQ(written({{0xE4, 0xE4}, {0x3041, 0x309F}, {0x1F41F, 0x1F420}}),
            "[\u00E4\\u3041-\\u309F\U0001F41F\U0001F420]");
  EXPECT_EQ(written({}), "[^\\x00-\\U0010FFFF]");
  EXPECT_EQ(gbnf_literal("a\"\\\n\u00E9\u200B[]-"),
            "\"a\\\"\\\\\\n\u00E9\\u200B[]-\"");
}

TEST(GbnfWriter, WritesPatternsReadably) {
  EXPECT_EQ(gbnf_of("abc"), "root ::= \"abc\"\n");
  EXPECT_EQ(gbnf_of("[0-9]+(\\.[0-9]{1,3})?"),
            "root ::= [0-9]+ (\".\" [0-9]{1,3})?\n");
  EXPECT_EQ(gbnf_of("a\u00E9*|[^x]"), "root ::= \"a\" \"\u00E9\"* | [^x]\n");
  EXPECT_EQ(gbnf_of("(ab|cd){2}"), "root ::= (\"ab\" | \"cd\"){2}\n");
  EXPECT_EQ(gbnf_of("(a*){2}b?|"), "root ::= ((\"a\"*){2} \"b\"?)?\n");
  EXPECT_EQ(gbnf_of(""), "root ::= \"\"\n");
  EXPECT_EQ(gbnf_of("a^"), "root ::= [^\\x00-\\U0010FFFF]\n");
  EXPECT_EQ(gbnf_of("(?s)."), "root ::= .\n");
}

TEST(GbnfWriter, KeepsNamesAndOrderOfRules) {
  const std::string source =
      "root ::= \"{\" item (\",\" item)* \"}\"\n"
      "item ::= name \":\" item | \"null\"\n"
      "name ::= [a-z]+\n";
  EXPECT_EQ(grammar_to_gbnf(gbnf_to_grammar(source)), source);
}

TEST(GbnfWriter, MakesNamesThatGbnfTakes) {
  Grammar grammar;
  const auto rule = [&](const char* name, const char* text) {
    const Grammar::Rule made = grammar.declare(name);
    grammar.define(made, grammar.text(text));
    return grammar.call(made);
  };
  grammar.set_start(
      grammar.sequence({rule("a/b_c", "1"), rule("", "2"), rule("a b c", "3"),
                        rule("root", "4"), rule("\u00E9", "5")}));
  EXPECT_EQ(grammar_to_gbnf(grammar),
            "root ::= a-b-c rule a-b-c-1 root-1 --\na-b-c ::= \"1\"\n"
            "rule ::= \"2\"\na-b-c-1 ::= \"3\"\nroot-1 ::= \"4\"\n-- ::= "
            "\"5\"\n");
  EXPECT_TRUE(
      test::matches(gbnf_to_grammar(grammar_to_gbnf(grammar)), "12345"));
}

TEST(GbnfWriter, LongChoicesTakeALineEach) {
  std::string pattern = "first alternative";
  for (const char* more : {"second", "third", "fourth", "fifth"}) {
    pattern += std::string("|") + more + " alternative";
  }
  EXPECT_EQ(gbnf_of(pattern),
            "root ::= \"first alternative\" |\n    \"second alternative\" |\n"
            "    \"third alternative\" |\n    \"fourth alternative\" |\n"
            "    \"fifth alternative\"\n");
  EXPECT_TRUE(
      test::matches(gbnf_to_grammar(gbnf_of(pattern)), "third alternative"));
}

TEST(GbnfWriter, WritesTokensByTheirIds) {
  const std::string source = "root ::= <[7]> \"a\"* | <[8]>\n";
  EXPECT_EQ(grammar_to_gbnf(gbnf_to_grammar(source)), source);
}

ByteSet byte_set(unsigned first, unsigned last) {
  ByteSet set;
  for (unsigned byte = first; byte <= last; ++byte) set.set(byte);
  return set;
}

// Rules that stand for the states of an automaton over bytes, some of them in
// the middle of characters.
TEST(GbnfWriter, PutsCharactersTogetherAcrossRules) {
  Grammar grammar;
  const auto bytes = [&](unsigned first, unsigned last) {
    return grammar.bytes(byte_set(first, last));
  };
  const Grammar::Rule key = grammar.declare("key");
  const Grammar::Rule one_more = grammar.declare("key");
  const Grammar::Rule two_more = grammar.declare("key");
  grammar.define(two_more,
                 grammar.sequence({bytes(0x80, 0xBF), grammar.call(one_more)}));
  grammar.define(one_more,
                 grammar.sequence({bytes(0x80, 0xBF), grammar.call(key)}));
  grammar.define(
      key,
      grammar.choice(
          {grammar.empty(),
           grammar.sequence({bytes('a', 'z'), grammar.call(key)}),
           grammar.sequence({bytes(0xC2, 0xDF), grammar.call(one_more)}),
           grammar.sequence({bytes(0xE1, 0xEC), grammar.call(two_more)})}));
  grammar.set_start(grammar.sequence({grammar.call(key), grammar.text("\"")}));
  EXPECT_EQ(grammar_to_gbnf(grammar),
            "root ::= key \"\\\"\"\n"
            "key ::= ([a-z\\u0080-\\u07FF\\u1000-\\uCFFF] key)?\n");
}

TEST(GbnfWriter, PutsCharactersTogetherAcrossRepeats) {
  Grammar grammar;
  // "\u00E9" again and again, but cut in the middle of characters.
  grammar.set_start(grammar.sequence(
      {grammar.text("x\xC3"),
       grammar.repeat(grammar.text("\xA9\xC3"), 0, Grammar::kUnlimited),
       grammar.text("\xA9")}));
  const Grammar read = gbnf_to_grammar(grammar_to_gbnf(grammar));
  for (const char* text : {"x\u00E9", "x\u00E9\u00E9\u00E9"}) {
    EXPECT_TRUE(test::matches(read, text)) << grammar_to_gbnf(grammar);
  }
  EXPECT_FALSE(test::matches(read, "x"));
}

TEST(GbnfWriter, LeavesOutWhatIsNeverReached) {
  const std::string source = "root ::= a | \"c\"\na ::= \"b\" a\n";
  EXPECT_EQ(grammar_to_gbnf(gbnf_to_grammar(source)), source);
  const Grammar grammar = gbnf_to_grammar(
      "root ::= \"x\" a \"never\" | \"c\"\na ::= \"b\" a \"never\"\n");
  EXPECT_EQ(grammar_to_gbnf(grammar),
            "root ::= \"x\" a | \"c\"\na ::= \"b\" a\n");
}

TEST(GbnfWriter, RefusesBytesThatAreNoCharacters) {
  for (const std::string bytes : {"\xFF", "\xC3", "a\x80", "\xED\xA0\x80"}) {
    Grammar grammar;
    grammar.set_start(grammar.text(bytes));
    try {
      grammar_to_gbnf(grammar);
      FAIL() << bytes;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr("no characters"));
    }
  }
}

// Grammars of whole characters that call their rules without left recursion.
class RandomRules {
 public:
  explicit RandomRules(unsigned seed) : random_(seed) {}

  Grammar make() {
    Grammar grammar;
    std::vector<Grammar::Rule> rules;
    for (int i = 0; i < 3; ++i) rules.push_back(grammar.declare("rule"));
    for (const Grammar::Rule rule : rules) {
      // The first character of a body is never part of a rule.
      grammar.define(rule, grammar.sequence(
                               {character(grammar), expr(grammar, rules, 2)}));
    }
    grammar.set_start(expr(grammar, rules, 3));
    return grammar;
  }

  std::string text() {
    std::string out;
    for (std::size_t i = below(7); i > 0; --i) out += letter();
    return out;
  }

 private:
  std::size_t below(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most - 1)(random_);
  }

  std::string letter() {
    static const std::vector<std::string> kLetters = {
        "a", "b", "\u00E9", "\u00EA", "\u3042", "\U0001F41F"};
    return kLetters[below(kLetters.size())];
  }

  Grammar::Expr character(Grammar& grammar) {
    static const std::vector<std::vector<CodePointRange>> kSets = {
        {{'a', 'a'}},
        {{'a', 'b'}},
        {{0xE9, 0xE9}},
        {{'b', 0xE9}},
        {{0xEA, 0x1F41F}},
        {{0, 0x10FFFF}},
        {{0x3042, 0x3042}, {'a', 'a'}}};
    return grammar.character(kSets[below(kSets.size())]);
  }

  Grammar::Expr expr(Grammar& grammar, const std::vector<Grammar::Rule>& rules,
                     int depth) {
    const auto some = [&] {
      std::vector<Grammar::Expr> parts;
      for (std::size_t i = 1 + below(3); i > 0; --i) {
        parts.push_back(expr(grammar, rules, depth - 1));
      }
      return parts;
    };
    switch (below(depth > 0 ? 8 : 3)) {
      case 0:
        return character(grammar);
      case 1:
        return grammar.text(letter() + letter());
      case 2:
        return grammar.call(rules[below(rules.size())]);
      case 3:
      case 4:
        return grammar.sequence(some());
      case 5:
      case 6:
        return grammar.choice(some());
      default: {
        const auto min = static_cast<std::int64_t>(below(3));
        return grammar.repeat(expr(grammar, rules, depth - 1), min,
                              below(2) == 0 ? Grammar::kUnlimited : min + 1);
      }
    }
  }

  std::mt19937 random_;
};

TEST(GbnfWriter, ReadsBackToTheSameTexts) {
  RandomRules random(5);
  int fitting = 0;
  for (int i = 0; i < 1000; ++i) {
    const Grammar grammar = random.make();
    const std::string written = grammar_to_gbnf(grammar);
    SCOPED_TRACE(written);
    const Grammar read = gbnf_to_grammar(written);
    for (int k = 0; k < 8; ++k) {
      const std::string text = random.text();
      const bool fits = test::matches(grammar, text);
      EXPECT_EQ(test::matches(read, text), fits) << text;
      EXPECT_EQ(test::is_prefix(read, text), test::is_prefix(grammar, text));
      fitting += fits ? 1 : 0;
    }
  }
  EXPECT_GT(fitting, 300);
}

}  // namespace
}  // namespace pilotfish
