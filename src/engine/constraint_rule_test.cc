// A constraint over a tokenizer's ids: what they stand for, and how what is
// forced is cut.

#include "engine/constraint_rule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "constraint/automaton.h"
#include "constraint/grammar.h"
#include "engine/constraint_rules.h"
#include "engine/testing/piece_tokenizer.h"
#include "pilotfish/error.h"
#include "test_data.h"
#include "text/token_bytes.h"

namespace pilotfish {
namespace {

using testing::PieceTokenizer;

const std::vector<std::string> kPieces = {
    "<unk>", "<s>",  "</s>", "<call>", " ",   "\n",  "{",
    "}",     "\"",   ":",    ",",      "a",   "b",   "na",
    "me",    "name", "{\"",  "\":",    "\"}", " \"", " name"};

std::shared_ptr<const PieceTokenizer> pieces(bool puts_blank) {
  return std::make_shared<PieceTokenizer>(kPieces, puts_blank);
}

Token id_of(std::string_view piece) { return *pieces(false)->find(piece); }

std::vector<Token> ids_of(std::initializer_list<std::string_view> texts) {
  std::vector<Token> ids;
  for (const std::string_view text : texts) ids.push_back(id_of(text));
  return ids;
}

template <typename Build>
std::shared_ptr<const Constraint> constraint_with(const Build& build) {
  Grammar grammar;
  grammar.set_start(build(grammar));
  return std::make_shared<Constraint>(Automaton::compile(grammar));
}

TEST(ConstraintRule, IdsStandForTheBytesInTheMiddleOfAText) {
  for (const bool puts_blank : {false, true}) {
    const std::vector<std::string> bytes = token_bytes(*pieces(puts_blank));
    ASSERT_EQ(bytes.size(), kPieces.size());
    for (size_t id = 0; id < bytes.size(); ++id) {
      EXPECT_EQ(bytes[id], id < 4 ? "" : kPieces[id]) << id;
    }
  }
}

std::vector<Token> forced_behind(const std::shared_ptr<const TokenRule>& rule,
                                 const std::vector<Token>& text,
                                 std::int64_t most) {
  TokenRule::State state = rule->begin();
  for (const Token token : text) {
    state = rule->after(state, token);
    if (state == nullptr) return {-1};
  }
  return rule->forced(state, text, most);
}

// A choice of a or b between two texts that are forced.
std::shared_ptr<const Constraint> object_with_a_choice() {
  return constraint_with([](Grammar& g) {
    return g.sequence({g.text("{\"name\":\""),
                       g.choice({g.text("a"), g.text("b")}), g.text("\"}")});
  });
}

TEST(ConstraintRule, WhatIsForcedIsCutAsTheTokenizerWould) {
  for (const bool puts_blank : {false, true}) {
    ConstraintRules rules(pieces(puts_blank));
    const auto rule = rules.rule_for(object_with_a_choice());
    const auto forced = [&](std::initializer_list<std::string_view> text,
                            std::int64_t most = 9) {
      return forced_behind(rule, ids_of(text), most);
    };
    const std::vector<Token> whole = ids_of({"{\"", "name", "\":", "\""});
    EXPECT_EQ(forced({}), whole);
    EXPECT_EQ(forced({}, 2), ids_of({"{\"", "name"}));
    EXPECT_EQ(forced({"{\""}), ids_of({"name", "\":", "\""}));
    // Behind a text that was cut in another way.
    EXPECT_EQ(forced({"{"}), ids_of({"\"", "name", "\":", "\""}));
    EXPECT_EQ(forced({"{", "\"", "na"}), ids_of({"me", "\":", "\""}));
    EXPECT_EQ(forced({"{\"", "name", "\":", "\""}), std::vector<Token>{});
    EXPECT_EQ(forced({"{\"", "name", "\":", "\"", "b"}), ids_of({"\"}"}));
    EXPECT_EQ(forced({"{\"", "name", "\":", "\"", "b", "\"}"}),
              std::vector<Token>{});
  }
}

TEST(ConstraintRule, RealTokenizersCutWhatIsForcedAsInAText) {
  SKIP_WITHOUT_DATA("tokenizers");
  const std::string begin = "{\"name\": \"";
  const std::string rest = "\", \"population\": 12345";
  for (const char* name : {"llama-2", "llama-3"}) {
    const std::shared_ptr<const Tokenizer> tokenizer =
        Tokenizer::load(test::data_path("tokenizers/" + std::string(name)));
    ConstraintRules rules(tokenizer);
    const auto rule = rules.rule_for(constraint_with([&](Grammar& g) {
      return g.sequence(
          {g.text(begin), g.choice({g.text("a"), g.text("b")}), g.text(rest)});
    }));
    const auto cut = [&](const std::string& text) {
      std::vector<Token> tokens =
          tokenizer->encode("\n" + text, {.add_special = false});
      const Token line_break =
          tokenizer->encode("\n", {.add_special = false}).back();
      tokens.erase(tokens.begin(), std::ranges::find(tokens, line_break) + 1);
      return tokens;
    };
    const std::vector<Token> whole = cut(begin + "b" + rest);
    EXPECT_EQ(forced_behind(rule, {}, 20), cut(begin)) << name;
    std::vector<Token> text = cut(begin);
    text.push_back(cut("b").back());
    EXPECT_EQ(forced_behind(rule, text, 20),
              std::vector<Token>(whole.begin() + std::ssize(text), whole.end()))
        << name;
  }
}

TEST(ConstraintRule, SpecialTokensAreForcedToo) {
  ConstraintRules rules(pieces(true));
  const auto rule = rules.rule_for(constraint_with([](Grammar& g) {
    return g.sequence({g.text("a"), g.token(id_of("<call>")),
                       g.text("{\"name\""), g.token(id_of("<call>"))});
  }));
  EXPECT_EQ(forced_behind(rule, {}, 9),
            ids_of({"a", "<call>", "{\"", "name", "\"", "<call>"}));
  EXPECT_EQ(forced_behind(rule, {}, 2), ids_of({"a", "<call>"}));
  EXPECT_EQ(forced_behind(rule, ids_of({"a", "<call>"}), 2),
            ids_of({"{\"", "name"}));
}

TEST(ConstraintRule, SaysWhatCanComeAndWhereTheTextEnds) {
  ConstraintRules rules(pieces(false));
  const auto rule = rules.rule_for(constraint_with([](Grammar& g) {
    return g.sequence({g.text("na"), g.optional(g.text("me"))});
  }));
  const TokenRule::State begin = rule->begin();
  std::vector<std::uint64_t> allowed;
  ASSERT_TRUE(rule->allow(begin, allowed));
  for (size_t id = 0; id < kPieces.size(); ++id) {
    const bool is_allowed = (allowed[0] >> id & 1) != 0;
    EXPECT_EQ(is_allowed, kPieces[id] == "na" || kPieces[id] == "name");
    EXPECT_EQ(is_allowed,
              rule->after(begin, static_cast<Token>(id)) != nullptr);
  }
  EXPECT_FALSE(rule->may_end(begin));
  const TokenRule::State na = rule->after(begin, id_of("na"));
  EXPECT_TRUE(rule->may_end(na));
  EXPECT_FALSE(rule->must_end(na));
  const TokenRule::State name = rule->after(na, id_of("me"));
  EXPECT_TRUE(rule->must_end(name));
  EXPECT_TRUE(rule->must_end(rule->after(begin, id_of("name"))));
  EXPECT_EQ(rule->after(name, id_of("a")), nullptr);
  EXPECT_EQ(rule->after(begin, 1000), nullptr);
}

TEST(ConstraintRule, AVocabularyThatCannotSpellWhatMustComeIsAFault) {
  ConstraintRules rules(pieces(false));
  const auto rule =
      rules.rule_for(constraint_with([](Grammar& g) { return g.text("ax"); }));
  const TokenRule::State state = rule->after(rule->begin(), id_of("a"));
  ASSERT_NE(state, nullptr);
  std::vector<std::uint64_t> allowed;
  EXPECT_TRUE(rule->allow(state, allowed));
  EXPECT_EQ(allowed, std::vector<std::uint64_t>{0});
  EXPECT_FALSE(rule->must_end(state));
  EXPECT_EQ(rule->fault(state),
            "no token of the vocabulary spells what has to come next");
}

TEST(ConstraintRules, KeepTheLatest) {
  ConstraintRules rules(pieces(false));
  EXPECT_EQ(rules.rule_for(nullptr), nullptr);
  const auto first = object_with_a_choice();
  const std::weak_ptr<const TokenRule> kept = rules.rule_for(first);
  EXPECT_EQ(rules.rule_for(first), kept.lock());
  for (int i = 0; i < 20; ++i) rules.rule_for(object_with_a_choice());
  EXPECT_EQ(rules.rule_for(first), kept.lock());
  for (int i = 0; i < 40; ++i) rules.rule_for(object_with_a_choice());
  EXPECT_TRUE(kept.expired());
  EXPECT_THROW(ConstraintRules(nullptr).rule_for(first), UsageError);
  EXPECT_EQ(ConstraintRules(nullptr).rule_for(nullptr), nullptr);
}

}  // namespace
}  // namespace pilotfish
