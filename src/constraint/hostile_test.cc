// Expressions and grammars that would take all memory or forever, and texts
// that are hard to read.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "constraint/automaton.h"
#include "constraint/effort.h"
#include "constraint/gbnf.h"
#include "constraint/matcher.h"
#include "constraint/nfa_builder.h"
#include "constraint/regex.h"
#include "constraint/testing/try_reading.h"
#include "pilotfish/constraint.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

void expect_too_large(const Grammar& grammar, const char* why) {
  EXPECT_THAT([&] { Automaton::compile(grammar); },
              ThrowsMessage<UsageError>(HasSubstr(why)));
}

TEST(HostileGrammar, IsRefusedBeforeNestedRepeatsAreWritten) {
  for (const char* source :
       {R"(root ::= (("a"{1,100}){1,100}){1,100})",
        R"(root ::= (("a" | "ab"){1,2000}){1,2000})",
        R"(root ::= ("a" | "ab"){1,1000000})",
        R"(root ::= ((("a"? "b"){0,90}){0,90}){0,900000000})"}) {
    const Grammar grammar = gbnf_to_grammar(source);
    const Effort effort;
    expect_too_large(grammar, "repeats, written out");
    // Next to nothing was built for it.
    EXPECT_LT(effort.spent(), Effort::kMost / 64) << source;
  }
}

TEST(HostileGrammar, CountsWhatACharacterRepeats) {
  const auto automaton =
      Automaton::compile(gbnf_to_grammar(R"(root ::= [^x]{1,1000000} "x")"));
  EXPECT_LT(automaton->table().size(), 20);
}

// Rules whose automata are large on the way and small in the end.
TEST(HostileGrammar, IsRefusedForTheWorkOfAllItsRules) {
  std::string source = "root ::= r0";
  std::string rules;
  for (int i = 0; i < 1000; ++i) {
    if (i > 0) source += fmt::format(" | r{}", i);
    rules +=
        fmt::format("r{0} ::= \"x{0}\" ([ab]* \"a\" [ab]{{14}} | [ab]*)\n", i);
  }
  expect_too_large(gbnf_to_grammar(source + "\n" + rules),
                   "too long to compile");
}

TEST(HostileGrammar, MayDoubleARuleOftenIfItIsCalled) {
  std::string source = "root ::= r0\n";
  for (int i = 0; i < 60; ++i) {
    source += fmt::format("r{0} ::= r{1} r{1}\n", i, i + 1);
  }
  const Matcher matcher(
      Automaton::compile(gbnf_to_grammar(source + "r60 ::= \"c\"")),
      test::small_vocabulary());
  Matcher::State state = matcher.begin();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(matcher.advance(state, 'c'));
  EXPECT_FALSE(matcher.may_end(state));
  EXPECT_EQ(matcher.mask(state)->count(), 1);
}

TEST(HostileText, IsRefusedForItsDepth) {
  const Matcher matcher(
      Automaton::compile(gbnf_to_grammar(R"(root ::= "[" root? "]")")),
      test::small_vocabulary());
  Matcher::State state = matcher.begin();
  const auto read = [&] {
    for (int i = 0; i < 100'000; ++i) matcher.advance(state, '[');
  };
  EXPECT_THAT(read, ThrowsMessage<Error>(HasSubstr("nests more than 8192")));
  // What was read so far stands, and goes on as far as it may.
  EXPECT_TRUE(matcher.advance(state, ']'));
  EXPECT_TRUE(matcher.mask(state)->allows(']'));
}

TEST(HostileText, IsRefusedForTheWaysToReadIt) {
  const Matcher matcher(Constraint::regex("[^x]{3,900}[^y]{5,900}[^z]{5,900}"),
                        test::small_vocabulary());
  Matcher::State state = matcher.begin();
  const auto read = [&] {
    for (int i = 0; i < 1000; ++i) {
      if (i % 64 == 0) matcher.mask(state);
      matcher.advance(state, 'a');
    }
  };
  EXPECT_THAT(read, ThrowsMessage<Error>(HasSubstr("too ambiguous")));
}

TEST(HostileText, IsRefusedForTheMemoryOfItsReadings) {
  StackPool pool;
  StackPool::Id stack = StackPool::kBottom;
  const auto fill = [&] {
    for (std::int32_t top = 0;; ++top) pool.unite(stack, pool.push(stack, top));
  };
  EXPECT_THAT(fill, ThrowsMessage<Error>(HasSubstr("too much memory")));
}

TEST(Effort, CountsForTheOutermost) {
  Effort::spend(1000);  // for nobody
  const Effort outer(100);
  Effort::spend(40);
  {
    const Effort inner(10);
    Effort::spend(50);
    EXPECT_EQ(inner.spent(), 0);
  }
  EXPECT_EQ(outer.spent(), 90);
  EXPECT_THAT([] { Effort::spend(11); },
              ThrowsMessage<UsageError>(HasSubstr("too long to compile")));
}

}  // namespace
}  // namespace pilotfish
