#include "constraint/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "constraint/testing/random_grammar.h"
#include "constraint/testing/reference.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

using Texts = std::vector<std::string>;

std::vector<Token> tokens_of(const TokenMask& mask) {
  std::vector<Token> tokens;
  mask.for_each([&](Token token) { tokens.push_back(token); });
  return tokens;
}

Matcher matcher_of(const Grammar& grammar, const Texts& texts) {
  return {Automaton::compile(grammar),
          std::make_shared<const ConstraintVocabulary>(texts)};
}

// A grammar's matcher beside the reference, which reads the same tokens.
class Checked {
 public:
  Checked(const Grammar& grammar, Texts texts)
      : grammar_(grammar),
        texts_(std::move(texts)),
        reference_(grammar),
        matcher_(matcher_of(grammar, texts_)),
        state_(matcher_.begin()) {}

  // The mask, may_end and advance say what the reference says. Returns the
  // tokens that are allowed.
  std::vector<Token> check() {
    EXPECT_EQ(matcher_.may_end(state_),
              reference_.contains(grammar_.start(), text_));
    std::vector<Token> expected;
    for (Token token = 0; token < std::ssize(texts_); ++token) {
      const std::vector<test::Reference::Text> readings = readings_with(token);
      for (const auto& reading : readings) {
        if (!reference_.can_begin(grammar_.start(), reading)) continue;
        expected.push_back(token);
        break;
      }
    }
    const std::vector<Token> allowed = tokens_of(*matcher_.mask(state_));
    EXPECT_EQ(allowed, expected);
    for (Token token = 0; token < std::ssize(texts_); ++token) {
      Matcher::State fork = state_;
      EXPECT_EQ(matcher_.advance(fork, token),
                std::ranges::binary_search(expected, token))
          << token;
    }
    check_forced_bytes();
    return allowed;
  }

  void advance(Token token) {
    ASSERT_TRUE(matcher_.advance(state_, token));
    text_ = readings_with(token).front();
  }

  std::string shown() const {
    std::string shown;
    for (const std::int32_t letter : text_) {
      shown += letter < 256 ? std::string(1, static_cast<char>(letter))
                            : "<" + std::to_string(letter) + ">";
    }
    return shown;
  }

 private:
  // A token without bytes is read as itself, one with bytes as those.
  std::vector<test::Reference::Text> readings_with(Token token) const {
    test::Reference::Text text = text_;
    const std::string& bytes = texts_[static_cast<std::size_t>(token)];
    if (bytes.empty()) {
      text.push_back(test::Reference::kSpecial + token);
    } else {
      for (const std::int32_t letter : test::Reference::letters(bytes)) {
        text.push_back(letter);
      }
    }
    return {text};
  }

  void check_forced_bytes() {
    std::string expected;
    test::Reference::Text text = text_;
    while (expected.size() < 4) {
      if (reference_.contains(grammar_.start(), text)) break;
      std::vector<std::int32_t> letters;
      // Bytes that no grammar here names are all alike.
      for (const std::int32_t letter : test::Reference::letters("abcyz")) {
        text.push_back(letter);
        if (reference_.can_begin(grammar_.start(), text)) {
          letters.push_back(letter);
        }
        text.pop_back();
      }
      for (Token token = 0; token < std::ssize(texts_); ++token) {
        text.push_back(test::Reference::kSpecial + token);
        if (reference_.can_begin(grammar_.start(), text)) {
          letters.push_back(text.back());
        }
        text.pop_back();
      }
      if (letters.size() != 1 || letters.front() >= 256) break;
      text.push_back(letters.front());
      expected += static_cast<char>(letters.front());
    }
    EXPECT_EQ(matcher_.forced_bytes(state_, 4), expected);
  }

  const Grammar& grammar_;
  const Texts texts_;
  test::Reference reference_;
  test::Reference::Text text_;
  Matcher matcher_;
  Matcher::State state_;
};

// Tokens of one to six letters, some twice, and two without bytes.
Texts random_vocabulary(test::RandomGrammar& draw) {
  Texts texts = {"", "a", "b", "c", "aa", "ab", "abc", "", "ca"};
  for (int i = 0; i < 16; ++i) texts.push_back(draw.text(1 + draw.below(6)));
  return texts;
}

struct Draws {
  unsigned seed;
  int grammars;
  std::string alphabet;
  int rules;
  bool counts;
};

// Draws grammars and texts; returns how many grammars could be compiled.
int check_random_grammars(const Draws& draws) {
  std::mt19937 random(draws.seed);
  int compiled = 0;
  for (int round = 0; round < draws.grammars; ++round) {
    Grammar grammar;
    test::RandomGrammar draw(grammar, random, draws.alphabet);
    std::vector<Grammar::Rule> rules;
    for (int i = 0; i < draws.rules; ++i) {
      rules.push_back(grammar.declare("r" + std::to_string(i)));
    }
    draw.allow_calls(rules);
    draw.allow_tokens({0, 7});
    if (draws.counts) draw.allow_counts();
    for (const Grammar::Rule rule : rules) grammar.define(rule, draw.body(2));
    grammar.set_start(draw.expr(3));
    const Texts texts = random_vocabulary(draw);
    std::optional<Checked> checked;
    try {
      checked.emplace(grammar, texts);
    } catch (const UsageError&) {  // no text at all
      continue;
    }
    ++compiled;
    for (int step = 0; step < 5; ++step) {
      const std::vector<Token> allowed = checked->check();
      EXPECT_FALSE(testing::Test::HasFailure())
          << "round " << round << " behind '" << checked->shown() << "'";
      if (testing::Test::HasFailure() || allowed.empty()) break;
      checked->advance(allowed[static_cast<std::size_t>(
          draw.below(static_cast<int>(allowed.size())))]);
    }
    if (testing::Test::HasFailure()) break;
  }
  return compiled;
}

TEST(Matcher, MasksAsTheReferenceSaysOnRegularGrammars) {
  EXPECT_EQ(check_random_grammars({1, 60, "abc", 0, false}), 60);
}

TEST(Matcher, MasksAsTheReferenceSaysOnRecursiveGrammars) {
  EXPECT_GT(check_random_grammars({2, 200, "ab", 4, false}), 100);
  EXPECT_GT(check_random_grammars({3, 200, "abc", 3, false}), 100);
}

TEST(Matcher, MasksAsTheReferenceSaysOnCountedGrammars) {
  EXPECT_GT(check_random_grammars({4, 150, "abc", 2, true}), 75);
}

}  // namespace
}  // namespace pilotfish
