#include "pilotfish/constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "constraint/dfa.h"
#include "constraint/gbnf.h"
#include "constraint/matcher.h"
#include "constraint/regex.h"
#include "constraint/testing/recognise.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::shared_ptr<const ConstraintVocabulary> every_byte() {
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes.emplace_back(1, static_cast<char>(byte));
  }
  return std::make_shared<const ConstraintVocabulary>(bytes);
}

// Whether a model that writes single bytes may write this text and end there.
bool allows(const std::shared_ptr<const Constraint>& constraint,
            std::string_view text) {
  const Matcher matcher(constraint, every_byte());
  Matcher::State state = matcher.begin();
  for (const char byte : text) {
    if (!matcher.advance(state, static_cast<unsigned char>(byte))) return false;
  }
  return matcher.may_end(state);
}

TEST(Constraint, RegexHoldsForTheWholeText) {
  const auto constraint = Constraint::regex("a+\u00E9?|[0-9]{2}");
  for (const char* text : {"a", "aa\u00E9", "42"}) {
    EXPECT_TRUE(allows(constraint, text)) << text;
  }
  for (const char* text : {"", "ba", "a\u00E9a", "421", "a\xC3"}) {
    EXPECT_FALSE(allows(constraint, text)) << text;
  }
}

TEST(Constraint, GbnfBeginsAtRoot) {
  const auto constraint =
      Constraint::gbnf("item ::= [a-z] | root\nroot ::= \"(\" item* \")\"");
  EXPECT_TRUE(allows(constraint, "(a(b)()c)"));
  EXPECT_FALSE(allows(constraint, "a"));
  EXPECT_FALSE(allows(constraint, "(a"));
}

TEST(Constraint, ChoiceIsOneOfSomeTexts) {
  const std::vector<std::string> texts = {"yes", "no", "not yet", "no", "\xFF"};
  const auto constraint = Constraint::choice(texts);
  for (const std::string& text : texts) {
    EXPECT_TRUE(allows(constraint, text)) << text;
  }
  for (const char* text : {"", "n", "yesno", "not"}) {
    EXPECT_FALSE(allows(constraint, text)) << text;
  }
  EXPECT_TRUE(allows(Constraint::choice(std::vector<std::string>{""}), ""));
  EXPECT_THAT([] { Constraint::choice({}); },
              ThrowsMessage<UsageError>(HasSubstr("at least one text")));
}

TEST(Constraint, SaysWhatIsWrongWithASource) {
  EXPECT_THAT([] { Constraint::regex("a("); },
              ThrowsMessage<UsageError>(HasSubstr("at byte 1")));
  EXPECT_THAT([] { Constraint::gbnf("root ::= x"); },
              ThrowsMessage<UsageError>(HasSubstr("line 1, column 10")));
  EXPECT_THAT([] { Constraint::regex("a^"); },
              ThrowsMessage<UsageError>(HasSubstr("no text")));
  EXPECT_THAT(
      [] { Constraint::gbnf("root ::= ((\"ab\"{1,1000}){1,1000}){1,1000}"); },
      ThrowsMessage<UsageError>(HasSubstr("too large")));
}

TEST(Constraint, AChoiceBetweenManyTextsIsQuick) {
  std::vector<std::string> texts;
  for (int i = 0; i < 20'000; ++i) texts.push_back(std::to_string(i * 7919));
  const auto constraint = Constraint::choice(texts);
  EXPECT_TRUE(allows(constraint, texts[12345]));
  EXPECT_FALSE(allows(constraint, texts[12345] + "x"));
}

// Automata of byte states become rules of whole characters again.
TEST(Constraint, FiniteAutomataAreWrittenReadably) {
  Grammar source;
  const Dfa keys =
      Dfa::of(source, regex_to_grammar(source, "(?s).*"))
          .minus(Dfa::of(source, regex_to_grammar(source, "ab|\u00E9")));
  Grammar grammar;
  grammar.set_start(keys.to_grammar(grammar, "key"));
  const std::string written = grammar_to_gbnf(grammar);
  SCOPED_TRACE(written);
  const Grammar read = gbnf_to_grammar(written);
  for (const char* text : {"", "a", "abc", "\u00EA", "\u00E9\u00E9", "b"}) {
    EXPECT_TRUE(test::matches(read, text)) << text;
  }
  EXPECT_FALSE(test::matches(read, "ab"));
  EXPECT_FALSE(test::matches(read, "\u00E9"));
  EXPECT_LT(std::ranges::count(written, '\n'), 8) << written;
}

}  // namespace
}  // namespace pilotfish
