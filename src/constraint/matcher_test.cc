#include "constraint/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "constraint/dfa.h"
#include "constraint/regex.h"
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

std::shared_ptr<const ConstraintVocabulary> vocabulary_of(const Texts& texts) {
  return std::make_shared<const ConstraintVocabulary>(texts);
}

// A grammar's matcher beside the reference, which reads the same tokens.
class Checked {
 public:
  Checked(const Grammar& grammar, const Texts& texts,
          std::shared_ptr<const ConstraintVocabulary> vocabulary)
      : Checked(grammar, grammar, texts, std::move(vocabulary)) {}
  // `compiled` has the same texts as `grammar`, and may have tables.
  Checked(const Grammar& grammar, const Grammar& compiled, const Texts& texts,
          std::shared_ptr<const ConstraintVocabulary> vocabulary)
      : grammar_(grammar),
        texts_(texts),
        reference_(grammar),
        matcher_(Automaton::compile(compiled), std::move(vocabulary)),
        state_(matcher_.begin()) {}

  // The mask, may_end and advance say what the reference says. Returns the
  // tokens that are allowed.
  std::vector<Token> check() {
    EXPECT_EQ(matcher_.may_end(state_),
              reference_.contains(grammar_.start(), text_));
    std::vector<Token> expected;
    for (Token token = 0; token < std::ssize(texts_); ++token) {
      if (reference_.can_begin(grammar_.start(), text_with(token))) {
        expected.push_back(token);
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
    text_ = text_with(token);
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
  test::Reference::Text text_with(Token token) const {
    test::Reference::Text text = text_;
    const std::string& bytes = texts_[static_cast<std::size_t>(token)];
    if (bytes.empty()) {
      text.push_back(test::Reference::kSpecial + token);
    } else {
      for (const std::int32_t letter : test::Reference::letters(bytes)) {
        text.push_back(letter);
      }
    }
    return text;
  }

  void check_forced_bytes() {
    std::string expected;
    test::Reference::Text text = text_;
    while (expected.size() < 4) {
      if (reference_.contains(grammar_.start(), text)) break;
      std::vector<std::int32_t> letters;
      // Other bytes are as one of these in all grammars here.
      for (const std::int32_t letter :
           test::Reference::letters("abcyz\"[]{}:,x\x82\xA9\xAC\xC3\xE2\xF0")) {
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
  const Texts& texts_;
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

// Follows a text of random tokens as far as it goes.
void follow_random_text(Checked& checked, std::mt19937& random, int steps) {
  for (int step = 0; step < steps; ++step) {
    const std::vector<Token> allowed = checked.check();
    if (testing::Test::HasFailure() || allowed.empty()) return;
    checked.advance(allowed[random() % allowed.size()]);
  }
}

// Draws grammars and texts; returns how many grammars could be compiled. They
// share a vocabulary, and so what was found out about it.
int check_random_grammars(const Draws& draws) {
  std::mt19937 random(draws.seed);
  Texts texts;
  std::shared_ptr<const ConstraintVocabulary> vocabulary;
  int compiled = 0;
  for (int round = 0; round < draws.grammars; ++round) {
    Grammar grammar;
    test::RandomGrammar draw(grammar, random, draws.alphabet);
    if (round % 20 == 0) {
      texts = random_vocabulary(draw);
      vocabulary = vocabulary_of(texts);
    }
    std::vector<Grammar::Rule> rules;
    for (int i = 0; i < draws.rules; ++i) {
      rules.push_back(grammar.declare("r" + std::to_string(i)));
    }
    draw.allow_calls(rules);
    draw.allow_tokens({0, 7});
    if (draws.counts) draw.allow_counts();
    for (const Grammar::Rule rule : rules) grammar.define(rule, draw.body(2));
    grammar.set_start(draw.expr(3));
    std::optional<Checked> checked;
    try {
      checked.emplace(grammar, texts, vocabulary);
    } catch (const UsageError&) {  // no text at all
      continue;
    }
    ++compiled;
    follow_random_text(*checked, random, 5);
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "round " << round << " behind '" << checked->shown()
                    << "'";
      break;
    }
  }
  return compiled;
}

// Checks some random texts of one grammar, compiled from another one of the
// same texts.
void check_grammar(
    const Grammar& grammar, const Grammar& compiled, const Texts& texts,
    const std::shared_ptr<const ConstraintVocabulary>& vocabulary, int rounds,
    int steps) {
  std::mt19937 random(5);
  for (int round = 0; round < rounds; ++round) {
    Checked checked(grammar, compiled, texts, vocabulary);
    follow_random_text(checked, random, steps);
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "behind '" << checked.shown() << "'";
      return;
    }
  }
}

void check_grammar(const Grammar& grammar, const Texts& texts, int rounds,
                   int steps) {
  check_grammar(grammar, grammar, texts, vocabulary_of(texts), rounds, steps);
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

// A text between quotes; what is counted is any character but a quote.
Grammar::Expr counted_text(Grammar& grammar, std::int64_t min,
                           std::int64_t max) {
  const std::vector<CodePointRange> plain = {{0x20, '"' - 1},
                                             {'"' + 1, 0x10FFFF}};
  return grammar.sequence({grammar.text("\""),
                           grammar.repeat(grammar.character(plain), min, max),
                           grammar.text("\"")});
}

TEST(Matcher, CountsCharactersUpToTheirBounds) {
  const Texts texts = {"\"",         "x",       "xx",           "xyz",
                       "x\"",        "xx\"",    "xxxx\"",       "xxxxxxx",
                       "\",",        "x\",\"x", "xxx\",\"xxxx", "\"xx",
                       "\"xxxxxx\"", ",",       ",\"xxx",       "xxxxxxxxxxxx"};
  for (const auto& [min, max] : {std::pair(3, 6),
                                 {0, 5},
                                 {5, -1},
                                 {6, 6},
                                 {0, 11},
                                 {0, 12},
                                 {11, 12},
                                 {13, 15}}) {
    Grammar grammar;
    const Grammar::Expr text = counted_text(grammar, min, max);
    grammar.set_start(grammar.sequence(
        {text, grammar.repeat(grammar.sequence({grammar.text(","), text}), 0,
                              Grammar::kUnlimited)}));
    check_grammar(grammar, texts, 12, 7);
  }
}

TEST(Matcher, CountsCharactersThatAreSplitOverTokens) {
  const Texts texts = {"\"",       "x",        "\xE2",     "\x82",
                       "\xAC",     "\xE2\x82", "\x82\xAC", "\xAC\xE2\x82",
                       "\xF0\x9F", "\x90\x9F", "é",        "éx\"",
                       "\xAC\"",   "\xACx\"",  "\xC3",     "\xA9",
                       "\xACéé\"", "€€€€€",    "\xFF",     "\xE2\x82\xACx"};
  Grammar grammar;
  grammar.set_start(counted_text(grammar, 2, 5));
  check_grammar(grammar, texts, 40, 9);
}

// Whole slices of the vocabulary are allowed at once where they can follow: not
// where a text becomes too long, lacks a character or is a pattern's.
TEST(Matcher, TakesNoMoreOfPlainTokensThanFits) {
  const Texts texts = {"\"",
                       "x",
                       "xx",
                       "xxxxxx",
                       "xxxxxxx",
                       "q",
                       "xxqx",
                       "é",
                       "ééééééé",
                       "\xC3",
                       "\xA9xx",
                       "xxxxxxxxxxxx",
                       "xxxx\"",
                       "\",\"xx",
                       "xxxxxxxxxxxxx",
                       "\\",
                       "x\\n",
                       "\n",
                       "xxxxxxxxxxxxxxxxxxxx"};
  const std::vector<CodePointRange> plain = {{0x20, '"' - 1},
                                             {'"' + 1, 0x10FFFF}};
  const auto without_q = [](const Grammar& grammar, Grammar::Expr expr) {
    Grammar other;
    const Grammar::Expr any =
        other.repeat(other.bytes(ByteSet().set()), 0, Grammar::kUnlimited);
    return Dfa::of(grammar, expr)
        .minus(Dfa::of(other, other.sequence({any, other.text("q"), any})));
  };
  for (const int max : {-1, 5, 6, 9, 12, 14}) {
    for (const bool has_q : {true, false}) {
      Grammar grammar;
      const Grammar::Expr inside =
          grammar.repeat(grammar.character(plain), 0, max);
      const Dfa dfa =
          has_q ? Dfa::of(grammar, inside) : without_q(grammar, inside);
      const Grammar::Expr text = grammar.sequence(
          {grammar.text("\""), dfa.to_grammar(grammar, "inside"),
           grammar.text("\"")});
      grammar.set_start(grammar.sequence(
          {text,
           grammar.optional(grammar.sequence({grammar.text(","), text}))}));
      check_grammar(grammar, texts, 4, 5);
      // Where the text ends with it, and may be of any bytes.
      grammar.set_start(dfa.to_grammar(grammar, "all"));
      check_grammar(grammar, texts, 3, 4);
    }
  }
}

// All texts of up to `length` of the parts.
Texts texts_of(const Texts& parts, int length) {
  Texts texts;
  for (std::size_t first = 0; length > 0; --length) {
    const std::size_t past = texts.size();
    if (past == 0) texts = parts;
    for (; first < past; ++first) {
      for (const std::string& part : parts) {
        texts.push_back(texts[first] + part);
      }
    }
  }
  return texts;
}

// What walks skip because all of it can be read: the vocabulary has many tokens
// below each node, some of which break characters off.
TEST(Matcher, SkipsOnlyWhatCanBeReadWhole) {
  Texts texts = texts_of({"a", "b", "é"}, 4);
  for (const std::string& text : Texts{"c",
                                       "ac",
                                       "bcb",
                                       "abcb",
                                       "bcbé",
                                       "cccc",
                                       "\"",
                                       ",",
                                       "a\"",
                                       "ab\",",
                                       "é\"",
                                       "c,",
                                       "b,a",
                                       "aé,",
                                       "\xC3",
                                       "aa\xC3",
                                       "\xA9",
                                       "\xA9\"",
                                       std::string("\xA9") + "a",
                                       "aa\xFF",
                                       "aab\xA9",
                                       "babab,",
                                       "aaaaaaa"}) {
    texts.push_back(text);
  }
  const auto vocabulary = vocabulary_of(texts);
  Grammar scratch;
  const auto dfa_of = [&](const char* pattern) {
    return Dfa::of(scratch, regex_to_grammar(scratch, pattern));
  };
  const std::vector<CodePointRange> any = {{0, 0x10FFFF}};
  const Grammar::Expr characters =
      scratch.repeat(scratch.character(any), 0, Grammar::kUnlimited);
  std::vector<Dfa> dfas = {
      Dfa::all(),
      Dfa::of(scratch, scratch.sequence({scratch.text("\xC3"), characters}))};
  for (const char* pattern :
       {"[ab]*", "[ab]{0,5}", "[ab]{3,6}c", "[abé]{2,7}", "(?s).*", "[acé]*b?",
        "(a[ab]*|b[cb]*)", "([ab]c){0,3}", "[^b]*(b[^b]*)?", "a{0,9}",
        "[abc]*cc[abc]*", "([ab]|é[ab])*", "([ab]|é[ab]{3})*", "[abé]{0,3}",
        "[abé]{3}[ab]?"}) {
    dfas.push_back(dfa_of(pattern));
    dfas.push_back(dfas.back().minus(dfa_of("(?s).*(bcb|aéa).*")));
  }
  for (std::size_t i = 0; i < dfas.size(); ++i) {
    for (const char* end : {"", "\"", ","}) {
      SCOPED_TRACE(std::to_string(i) + " in front of '" + end + "'");
      Grammar grammar;
      grammar.set_start(grammar.sequence(
          {dfas[i].to_grammar(grammar, "x"), grammar.text(end)}));
      Grammar compiled;
      const Grammar::Rule rule = compiled.declare("x");
      compiled.define(rule, dfas[i].to_table(compiled, "x"));
      compiled.set_start(
          compiled.sequence({compiled.call(rule), compiled.text(end)}));
      check_grammar(grammar, compiled, texts, vocabulary, 1, 3);
      if (HasFailure()) return;
    }
  }
}

// Brackets and quotes whose tokens end several rules at once.
TEST(Matcher, ReadsTokensThatEndSeveralRules) {
  Grammar grammar;
  const Grammar::Rule value = grammar.declare("value");
  const Grammar::Rule array = grammar.declare("array");
  const Grammar::Rule object = grammar.declare("object");
  const Grammar::Expr member =
      grammar.sequence({counted_text(grammar, 0, Grammar::kUnlimited),
                        grammar.text(":"), grammar.call(value)});
  const auto list = [&](const char* open, Grammar::Expr item,
                        const char* close) {
    return grammar.sequence(
        {grammar.text(open),
         grammar.optional(grammar.sequence(
             {item, grammar.repeat(grammar.sequence({grammar.text(","), item}),
                                   0, Grammar::kUnlimited)})),
         grammar.text(close)});
  };
  grammar.define(array, list("[", grammar.call(value), "]"));
  grammar.define(object, list("{", member, "}"));
  grammar.define(
      value, grammar.choice({grammar.call(array), grammar.call(object),
                             counted_text(grammar, 0, Grammar::kUnlimited)}));
  grammar.set_start(grammar.call(value));
  check_grammar(
      grammar,
      {"[",        "]",           "{",           "}",   "\"",   ":",
       ",",        "x",           "[[",          "]]",  "]]]",  "{\"",
       "\":",      "\":[",        "\":{\"",      "\"}", "\"}]", "\"]}]",
       "\"}},{\"", "\"],[\"x",    "},{\"x\":\"", "]],", "[]",   "{}",
       "[{}]",     "\"x\":\"x\"", "}]}]"},
      25, 12);
}

// Many stacks at once: what an "a" opened, a "b" or a "c" closes.
TEST(Matcher, KeepsTheStacksOfAmbiguousReadingsApart) {
  Grammar grammar;
  const Grammar::Rule b = grammar.declare("b");
  const Grammar::Rule c = grammar.declare("c");
  const Grammar::Expr inside =
      grammar.optional(grammar.choice({grammar.call(b), grammar.call(c)}));
  grammar.define(
      b, grammar.sequence({grammar.text("a"), inside, grammar.text("bb")}));
  grammar.define(
      c, grammar.sequence({grammar.text("a"), inside, grammar.text("bc")}));
  grammar.set_start(grammar.choice({grammar.call(b), grammar.call(c)}));
  const Texts texts = {"a",   "b",  "c",      "aaa",   "bb",  "bc",
                       "bbb", "cb", "bbbcbb", "cbbbc", "abb", "aabcbb"};
  check_grammar(grammar, texts, 25, 12);
  // 2^100 readings are one position.
  const Matcher matcher(Automaton::compile(grammar), vocabulary_of(texts));
  Matcher::State state = matcher.begin();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(matcher.advance(state, 0));
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(matcher.may_end(state));
    ASSERT_TRUE(matcher.advance(state, i % 3 == 0 ? 4 : 5));
  }
  EXPECT_TRUE(matcher.may_end(state));
  EXPECT_EQ(matcher.mask(state)->count(), 0);
}

TEST(Matcher, ReadsATokenByItsIdAndByItsBytes) {
  Grammar grammar;
  grammar.set_start(grammar.choice(
      {grammar.sequence({grammar.token(1), grammar.text("x")}),
       grammar.sequence({grammar.text("ab"), grammar.text("y")})}));
  const Matcher matcher(Automaton::compile(grammar),
                        vocabulary_of({"a", "ab", "x", "y", ""}));
  Matcher::State state = matcher.begin();
  EXPECT_THAT(tokens_of(*matcher.mask(state)), ElementsAre(0, 1));
  EXPECT_EQ(matcher.forced_bytes(state, 9), "");
  ASSERT_TRUE(matcher.advance(state, 1));
  EXPECT_THAT(tokens_of(*matcher.mask(state)), ElementsAre(2, 3));
}

TEST(Matcher, KnowsTokensThatAreForced) {
  Grammar grammar;
  const Grammar::Expr call = grammar.sequence(
      {grammar.token(3), grammar.text("abc"), grammar.token(4)});
  grammar.set_start(grammar.sequence({call, grammar.optional(call)}));
  const Matcher matcher(Automaton::compile(grammar),
                        vocabulary_of({"a", "b", "c", "", ""}));
  Matcher::State state = matcher.begin();
  EXPECT_EQ(matcher.forced_token(state), 3);
  EXPECT_EQ(matcher.forced_bytes(state, 9), "");
  ASSERT_TRUE(matcher.advance(state, 3));
  EXPECT_EQ(matcher.forced_token(state), std::nullopt);
  EXPECT_EQ(matcher.forced_bytes(state, 9), "abc");
  EXPECT_EQ(matcher.forced_bytes(state, 2), "ab");
  for (const Token token : {0, 1, 2})
    ASSERT_TRUE(matcher.advance(state, token));
  EXPECT_EQ(matcher.forced_token(state), 4);
  ASSERT_TRUE(matcher.advance(state, 4));
  EXPECT_TRUE(matcher.may_end(state));
  EXPECT_EQ(matcher.forced_token(state), std::nullopt);
}

TEST(Matcher, StatesGoOnByThemselves) {
  Grammar grammar;
  const Grammar::Rule nested = grammar.declare("nested");
  grammar.define(
      nested,
      grammar.choice({grammar.text("x"),
                      grammar.sequence({grammar.text("["), grammar.call(nested),
                                        grammar.text("]")})}));
  grammar.set_start(grammar.call(nested));
  std::optional<Matcher> matcher(std::in_place, Automaton::compile(grammar),
                                 vocabulary_of({"[", "x", "]"}));
  Matcher::State state = matcher->begin();
  ASSERT_TRUE(matcher->advance(state, 0));
  Matcher::State fork = state;
  ASSERT_TRUE(matcher->advance(fork, 1));
  EXPECT_FALSE(matcher->advance(state, 2));
  EXPECT_THAT(tokens_of(*matcher->mask(state)), ElementsAre(0, 1));
  EXPECT_THAT(tokens_of(*matcher->mask(fork)), ElementsAre(2));
  for (const Token token : {-1, 3}) EXPECT_FALSE(matcher->advance(fork, token));
  ASSERT_TRUE(matcher->advance(fork, 2));
  EXPECT_TRUE(matcher->may_end(fork));
  EXPECT_FALSE(matcher->may_end(state));
}

TEST(Matcher, NeedsNoStackForWhatComesLast) {
  Grammar grammar;
  const Grammar::Rule list = grammar.declare("list");
  const Grammar::Rule item = grammar.declare("item");
  grammar.define(
      item,
      grammar.choice({grammar.text("x"),
                      grammar.sequence({grammar.text("("), grammar.call(list),
                                        grammar.text(")")})}));
  grammar.define(
      list, grammar.sequence({grammar.call(item),
                              grammar.optional(grammar.sequence(
                                  {grammar.text(","), grammar.call(list)}))}));
  grammar.set_start(grammar.call(list));
  const Matcher matcher(Automaton::compile(grammar),
                        vocabulary_of({"x,", "x", "("}));
  Matcher::State state = matcher.begin();
  for (int i = 0; i < 2 * StackPool::kMostDepth; ++i) {
    ASSERT_TRUE(matcher.advance(state, 0));
  }
  ASSERT_TRUE(matcher.advance(state, 1));
  EXPECT_TRUE(matcher.may_end(state));
  // Brackets need one.
  state = matcher.begin();
  EXPECT_THAT(
      [&] {
        for (int i = 0; i < 2 * StackPool::kMostDepth; ++i) {
          matcher.advance(state, 2);
        }
      },
      ThrowsMessage<Error>(HasSubstr("nests more than 8192 rules")));
}

TEST(Matcher, BoundsAmbiguity) {
  Grammar grammar;
  std::vector<Grammar::Expr> calls;
  for (int i = 0; i < 1100; ++i) {
    const Grammar::Rule rule = grammar.declare("r" + std::to_string(i));
    const Grammar::Expr end = grammar.text(std::to_string(i));
    grammar.define(
        rule,
        grammar.choice({end, grammar.sequence({grammar.text("a"),
                                               grammar.call(rule), end})}));
    calls.push_back(grammar.call(rule));
  }
  grammar.set_start(grammar.choice(calls));
  const Matcher matcher(Automaton::compile(grammar), vocabulary_of({"a"}));
  EXPECT_THAT([&] { matcher.begin(); },
              ThrowsMessage<Error>(HasSubstr("too ambiguous")));
}

TEST(Matcher, ServesThreadsAtATime) {
  Grammar grammar;
  grammar.set_start(grammar.repeat(counted_text(grammar, 2, 40), 1, 3));
  const Texts texts = {"\"", "x", "xx\"", "\"\"", "xxxxxx"};
  const Matcher matcher(Automaton::compile(grammar), vocabulary_of(texts));
  std::vector<std::vector<std::int64_t>> counts(4);
  const Matcher::State begin = matcher.begin();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 20; ++round) {
          Matcher::State state = begin;
          for (const Token token : {0, 1, 4, 1, 2, 0, 4, 4, 2, 0}) {
            counts[i].push_back(matcher.mask(state)->count());
            matcher.advance(state, token);
          }
        }
      });
    }
  }
  for (const auto& its : counts) EXPECT_EQ(its, counts.front());
}

}  // namespace
}  // namespace pilotfish
