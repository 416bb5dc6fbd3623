#include "constraint/dfa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "constraint/testing/random_grammar.h"
#include "constraint/testing/reference.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Every text over "abc" of up to `most` bytes.
std::vector<std::string> short_texts(std::size_t most) {
  std::vector<std::string> texts = {""};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() == most) continue;
    for (const char letter : {'a', 'b', 'c'}) {
      texts.push_back(texts[i] + letter);
    }
  }
  return texts;
}

TEST(Dfa, ContainsWhatTheExpressionGives) {
  std::mt19937 random(1);
  const std::vector<std::string> texts = short_texts(5);
  for (int round = 0; round < 150; ++round) {
    Grammar grammar;
    const Grammar::Expr expr =
        test::RandomGrammar(grammar, random, "abc").expr(3);
    const Dfa dfa = Dfa::of(grammar, expr);
    test::Reference reference(grammar);
    for (const std::string& text : texts) {
      ASSERT_EQ(dfa.contains(text),
                reference.contains(expr, test::Reference::letters(text)))
          << "round " << round << ": " << text;
    }
  }
}

TEST(Dfa, CombinesAsSetsDo) {
  std::mt19937 random(2);
  const std::vector<std::string> texts = short_texts(5);
  for (int round = 0; round < 100; ++round) {
    Grammar grammar;
    test::RandomGrammar draw(grammar, random, "abc");
    const Dfa a = Dfa::of(grammar, draw.expr(3));
    const Dfa b = Dfa::of(grammar, draw.expr(3));
    const Dfa both = a.intersect(b);
    const Dfa either = a.unite(b);
    const Dfa rest = a.minus(b);
    const Dfa outside = a.complement();
    for (const std::string& text : texts) {
      const bool in_a = a.contains(text);
      const bool in_b = b.contains(text);
      ASSERT_EQ(both.contains(text), in_a && in_b) << text;
      ASSERT_EQ(either.contains(text), in_a || in_b) << text;
      ASSERT_EQ(rest.contains(text), in_a && !in_b) << text;
      ASSERT_EQ(outside.contains(text), !in_a) << text;
    }
    // Equal languages have equal automata.
    EXPECT_EQ(outside.complement(), a);
    EXPECT_EQ(both, a.minus(a.minus(b)));
    EXPECT_EQ(either, b.unite(a));
    EXPECT_TRUE(either.contains(a));
    EXPECT_EQ(a.contains(b), b.minus(a).is_empty());
    EXPECT_TRUE(a.minus(a).is_empty());
  }
}

TEST(Dfa, IsTheSmallest) {
  Grammar grammar;
  const Grammar::Expr a = grammar.text("a");
  const Grammar::Expr b = grammar.text("b");
  const Grammar::Expr any = grammar.choice({a, b});
  // An "a" in the third place from the end: a state for each last 3 bytes.
  const Dfa third = Dfa::of(
      grammar, grammar.sequence(
                   {grammar.repeat(any, 0, Grammar::kUnlimited), a, any, any}));
  EXPECT_EQ(third.table().size(), 8);
  // Words share what they end with.
  const Dfa words = Dfa::of(
      grammar, grammar.choice({grammar.text("read"), grammar.text("lead"),
                               grammar.text("load"), grammar.text("road")}));
  EXPECT_EQ(words.table().size(), 5);
  EXPECT_EQ(Dfa::of(grammar, grammar.nothing()).table().size(), 1);
  EXPECT_EQ(Dfa::all().table().size(), 1);
}

TEST(Dfa, ComesBackFromItsGrammar) {
  std::mt19937 random(3);
  for (int round = 0; round < 150; ++round) {
    Grammar grammar;
    test::RandomGrammar draw(grammar, random, "abc");
    const Dfa dfa =
        Dfa::of(grammar, draw.expr(3)).minus(Dfa::of(grammar, draw.expr(2)));
    Grammar other;
    const Grammar::Expr expr = dfa.to_grammar(other, "x");
    EXPECT_EQ(Dfa::of(other, expr), dfa);
    // It also stands in the middle of other expressions, and more than once.
    const Dfa twice =
        Dfa::of(other, other.sequence({other.text("<"), expr, other.text(">"),
                                       other.repeat(expr, 0, 2)}));
    for (const char* text : {"<>", "<a>", "<ab>a", "<b>bc", "<aab>cc"}) {
      test::Reference reference(other);
      EXPECT_EQ(twice.contains(text),
                reference.contains(
                    other.sequence({other.text("<"), expr, other.text(">"),
                                    other.repeat(expr, 0, 2)}),
                    test::Reference::letters(text)));
    }
  }
}

TEST(Dfa, AChainNeedsNoRules) {
  Grammar grammar;
  const Dfa dfa = Dfa::of(grammar, grammar.text("hello"));
  Grammar other;
  EXPECT_EQ(dfa.to_grammar(other, "x"), other.text("hello"));
  EXPECT_EQ(other.rules(), 0);
  EXPECT_EQ(Dfa::of(grammar, grammar.empty()).to_grammar(other, "x"),
            other.empty());
  EXPECT_EQ(Dfa::of(grammar, grammar.nothing()).to_grammar(other, "x"),
            other.nothing());
}

TEST(Dfa, KnowsCharactersOfSeveralBytes) {
  Grammar grammar;
  const std::vector<CodePointRange> most = {{0, '"' - 1}, {'"' + 1, 0x10FFFF}};
  const Dfa dfa =
      Dfa::of(grammar, grammar.repeat(grammar.character(most), 2, 3));
  EXPECT_TRUE(dfa.contains("aé"));
  EXPECT_TRUE(dfa.contains("€\xF0\x9F\x90\x9Fz"));
  EXPECT_FALSE(dfa.contains("é"));
  EXPECT_FALSE(dfa.contains("abcd"));
  EXPECT_FALSE(dfa.contains("a\""));
  EXPECT_FALSE(dfa.contains("a\xC3"));
  EXPECT_FALSE(dfa.contains("a\xED\xA0\x80"));  // a surrogate
  EXPECT_FALSE(dfa.contains("a\xC0\x80"));      // a long form
}

TEST(Dfa, SaysWhatIsPrefixFree) {
  Grammar grammar;
  const std::vector<CodePointRange> all = {{0, 0x10FFFF}};
  const Grammar::Expr any = grammar.character(all);
  EXPECT_TRUE(Dfa::of(grammar, any).is_prefix_free());
  EXPECT_FALSE(Dfa::of(grammar, grammar.repeat(any, 1, 2)).is_prefix_free());
}

TEST(Dfa, TakesRulesThatAreRegular) {
  Grammar grammar;
  const Grammar::Rule list = grammar.declare("list");
  const Grammar::Rule item = grammar.declare("item");
  grammar.define(item, grammar.bytes(ByteSet().set('x').set('y')));
  grammar.define(
      list,
      grammar.choice({grammar.call(item),
                      grammar.sequence({grammar.call(item), grammar.text(","),
                                        grammar.call(list)})}));
  const Dfa dfa =
      Dfa::of(grammar, grammar.sequence({grammar.text("["), grammar.call(list),
                                         grammar.text("]")}));
  EXPECT_TRUE(dfa.contains("[x]"));
  EXPECT_TRUE(dfa.contains("[x,y,x]"));
  EXPECT_FALSE(dfa.contains("[x,]"));
}

TEST(Dfa, RefusesWhatIsNotRegular) {
  Grammar grammar;
  const Grammar::Rule nested = grammar.declare("nested");
  grammar.define(
      nested,
      grammar.optional(grammar.sequence(
          {grammar.text("("), grammar.call(nested), grammar.text(")")})));
  EXPECT_THAT([&] { Dfa::of(grammar, grammar.call(nested)); },
              ThrowsMessage<UsageError>(HasSubstr("rule 'nested'")));
  EXPECT_THAT([&] { Dfa::of(grammar, grammar.token(7)); },
              ThrowsMessage<UsageError>(HasSubstr("special token")));
}

TEST(Dfa, BoundsHostileExpressions) {
  Grammar grammar;
  const Grammar::Expr a = grammar.text("a");
  const Grammar::Expr any = grammar.bytes(ByteSet().set());
  const auto refuses = [&](Grammar::Expr expr) {
    EXPECT_THAT([&] { Dfa::of(grammar, expr); },
                ThrowsMessage<UsageError>(HasSubstr("too large")));
  };
  refuses(grammar.repeat(any, 0, 1'000'000'000));
  refuses(grammar.repeat(
      grammar.repeat(grammar.repeat(any, 999, 999), 999, 999), 999, 999));
  // One state for each of 2^40 ends.
  refuses(grammar.sequence({grammar.repeat(any, 0, Grammar::kUnlimited), a,
                            grammar.repeat(any, 40, 40)}));
  Grammar::Expr deep = a;
  for (int i = 0; i < 100000; ++i) {
    deep = grammar.optional(grammar.sequence({a, deep}));
  }
  refuses(deep);
  // Combining multiplies.
  const Dfa x = Dfa::of(grammar, grammar.repeat(grammar.repeat(any, 401, 401),
                                                0, Grammar::kUnlimited));
  const Dfa y = Dfa::of(grammar, grammar.repeat(grammar.repeat(any, 499, 499),
                                                0, Grammar::kUnlimited));
  EXPECT_THAT([&] { x.intersect(y); },
              ThrowsMessage<UsageError>(HasSubstr("too large")));
}

}  // namespace
}  // namespace pilotfish
