#include "constraint/automaton.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const ByteSet kAnyByte = ByteSet().set();

void expect_refused(const Grammar& grammar, const std::string& words) {
  EXPECT_THAT([&] { Automaton::compile(grammar); },
              ThrowsMessage<UsageError>(HasSubstr(words)));
}

TEST(Automaton, RefusesLeftRecursionByName) {
  Grammar direct;
  const Grammar::Rule sum = direct.declare("sum");
  direct.define(
      sum, direct.choice({direct.text("1"),
                          direct.sequence({direct.call(sum), direct.text("+"),
                                           direct.text("1")})}));
  direct.set_start(direct.call(sum));
  expect_refused(direct, "rule 'sum' is left-recursive");

  Grammar indirect;
  const Grammar::Rule a = indirect.declare("first");
  const Grammar::Rule b = indirect.declare("second");
  indirect.define(a, indirect.choice({indirect.text("x"), indirect.call(b)}));
  indirect.define(b, indirect.sequence({indirect.repeat(indirect.call(a), 1, 3),
                                        indirect.text("y")}));
  indirect.set_start(indirect.sequence({indirect.text("("), indirect.call(a)}));
  expect_refused(indirect, "first -> second -> first");

  Grammar hidden;
  const Grammar::Rule blank = hidden.declare("blank");
  const Grammar::Rule list = hidden.declare("list");
  hidden.define(blank, hidden.repeat(hidden.text(" "), 0, 5));
  hidden.define(list, hidden.choice({hidden.text("x"),
                                     hidden.sequence({hidden.call(blank),
                                                      hidden.call(list)})}));
  hidden.set_start(hidden.call(list));
  expect_refused(hidden, "rule 'list' is left-recursive");
}

TEST(Automaton, RefusesWhatNoTextSatisfies) {
  Grammar grammar;
  const Grammar::Rule endless = grammar.declare("endless");
  grammar.define(endless,
                 grammar.sequence({grammar.text("a"), grammar.call(endless)}));
  grammar.set_start(grammar.call(endless));
  expect_refused(grammar, "no text at all");
  // Beside something else it is left out.
  grammar.set_start(grammar.choice({grammar.text("b"), grammar.call(endless)}));
  EXPECT_EQ(*Automaton::compile(grammar)->table().byte_edges(0).begin(),
            (TransitionTable::ByteEdge{'b', 'b', 1}));
}

TEST(Automaton, CountsLargeRepeats) {
  Grammar grammar;
  const std::vector<CodePointRange> all = {{0, 0x10FFFF}};
  grammar.set_start(grammar.repeat(grammar.character(all), 10, 1'000'000'000));
  EXPECT_LT(Automaton::compile(grammar)->table().size(), 20);
  // What can end in several ways cannot be counted.
  grammar.set_start(grammar.repeat(grammar.repeat(grammar.character(all), 1, 2),
                                   10, 1'000'000'000));
  expect_refused(grammar, "too large");
  // Nor can what leads back to its beginning: "a" is no unit, but begins one.
  grammar.set_start(
      grammar.repeat(grammar.sequence({grammar.repeat(grammar.text("a"), 0, -1),
                                       grammar.bytes(~ByteSet().set('a'))}),
                     10, 1'000'000'000));
  expect_refused(grammar, "too large");
}

TEST(Automaton, BoundsHostileGrammars) {
  {
    Grammar grammar;
    Grammar::Expr expr = grammar.bytes(kAnyByte);
    for (int i = 0; i < 8; ++i) {
      expr = grammar.repeat(grammar.sequence({expr, grammar.text("x")}), 0, 60);
    }
    grammar.set_start(expr);
    expect_refused(grammar, "too large");
  }
  {  // One state for each end.
    Grammar grammar;
    const Grammar::Expr any = grammar.bytes(kAnyByte);
    grammar.set_start(grammar.sequence(
        {grammar.repeat(any, 0, -1), grammar.text("a"),
         grammar.repeat(grammar.choice({grammar.text("a"), grammar.text("b")}),
                        60, 60)}));
    expect_refused(grammar, "too large");
  }
  {  // A long chain of rules is fine, in either direction.
    Grammar grammar;
    std::vector<Grammar::Rule> rules;
    for (int i = 0; i < 20'000; ++i) rules.push_back(grammar.declare("r"));
    for (std::size_t i = 0; i + 1 < rules.size(); ++i) {
      grammar.define(rules[i],
                     grammar.choice({grammar.call(rules[i + 1]),
                                     grammar.sequence({grammar.text("a"),
                                                       grammar.call(rules[0]),
                                                       grammar.text("b")})}));
    }
    grammar.define(rules.back(), grammar.text("c"));
    grammar.set_start(grammar.call(rules.front()));
    EXPECT_LT(Automaton::compile(grammar)->table().size(), 100'000);
  }
}

// Rules that are regular and small are part of those that call them; rules of
// wide bytes are not.
TEST(Automaton, CopiesSmallRules) {
  Grammar grammar;
  const Grammar::Rule blank = grammar.declare("blank");
  const Grammar::Rule word = grammar.declare("word");
  grammar.define(blank, grammar.repeat(grammar.text(" "), 0, 2));
  grammar.define(word, grammar.repeat(grammar.bytes(kAnyByte), 0, -1));
  grammar.set_start(grammar.sequence(
      {grammar.call(blank), grammar.text("="), grammar.call(blank)}));
  auto automaton = Automaton::compile(grammar);
  for (std::int32_t state = 0; state < automaton->table().size(); ++state) {
    EXPECT_TRUE(automaton->table().symbol_edges(state).empty());
    EXPECT_TRUE(automaton->reads_bytes_alone(state));
  }
  grammar.set_start(grammar.sequence(
      {grammar.call(word), grammar.text("="), grammar.call(word)}));
  automaton = Automaton::compile(grammar);
  ASSERT_EQ(automaton->table().symbol_edges(0).size(), 1U);
  EXPECT_FALSE(automaton->reads_bytes_alone(0));
}

}  // namespace
}  // namespace pilotfish
