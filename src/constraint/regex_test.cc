#include "constraint/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "constraint/testing/pcre2_match.h"
#include "constraint/testing/recognise.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using testing::HasSubstr;
using Syntax = RegexOptions::Syntax;

constexpr RegexOptions kEcmaSearch = {.syntax = Syntax::kEcma, .search = true};

Grammar grammar_of(std::string_view pattern, const RegexOptions& options = {}) {
  Grammar grammar;
  grammar.set_start(regex_to_grammar(grammar, pattern, options));
  return grammar;
}

bool fits(std::string_view pattern, std::string_view text,
          const RegexOptions& options = {}) {
  return test::matches(grammar_of(pattern, options), text);
}

std::string refusal(std::string_view pattern,
                    const RegexOptions& options = {}) {
  try {
    grammar_of(pattern, options);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "not refused";
}

// A pattern, texts that match it as a whole, and others.
struct Case {
  std::string pattern;
  std::vector<std::string> fitting;
  std::vector<std::string> others;
};

void check(const std::vector<Case>& cases, const RegexOptions& options) {
  for (const Case& one : cases) {
    SCOPED_TRACE(one.pattern);
    const Grammar grammar = grammar_of(one.pattern, options);
    for (const std::string& text : one.fitting) {
      EXPECT_TRUE(test::matches(grammar, text)) << text;
    }
    for (const std::string& text : one.others) {
      EXPECT_FALSE(test::matches(grammar, text)) << text;
    }
  }
}

TEST(RegexToGrammar, ReadsRe2Syntax) {
  check(
      {
          {"", {""}, {"a"}},
          {"a|", {"a", ""}, {"aa"}},
          {"ab*c+d?", {"ac", "abbccd"}, {"a", "abd"}},
          {"(?:ab){2,3}", {"abab", "ababab"}, {"ab", "abababab"}},
          {"a{2}b{1,}", {"aab", "aabbb"}, {"ab", "aa"}},
          {"a*?b+?c??d{1,2}?", {"abcdd", "bd"}, {"acd"}},
          {"a{,2}", {"a{,2}"}, {"aa"}},
          {"{a}", {"{a}"}, {"a"}},
          {"a{1", {"a{1"}, {"a"}},
          {".", {"x", "\u00E9", "\U0001F41F", "\r"}, {"\n", "", "\xC3"}},
          {"(?s).", {"\n"}, {""}},
          {"a(?s).(?-s).", {"a\nb"}, {"a\n\n"}},
          {"(a(?s)|.)", {"\n"}, {}},
          {"(?:(?s).).", {"\na"}, {"a\n"}},
          {"(?U)a*?", {"aa"}, {"b"}},
          {R"(\d\D\w\W\s\S)", {"1a_- x"}, {"1a_-\vx", "aa_- x"}},
          {R"(\pL\p{Lu}\PL\P{Greek}\p{^Greek})", {"\u00E9A1ab"}, {"1A1ab"}},
          {"[[:alpha:]_[:^digit:]]", {"a", "_", "\u00E9"}, {"1"}},
          {"[]a]+", {"]a"}, {"b"}},
          {"[^]a]", {"b", "\n", "["}, {"]", "a"}},
          {R"([\]\-\d-x])", {"]", "-", "5", "x"}, {"a", "w"}},
          {"[a-c-e]+", {"b-e"}, {"d"}},
          {"[+--]+", {"+,-"}, {"."}},
          {"[a[:x]", {"[", ":", "x"}, {"b"}},
          {"[\u00E9-\u00EB\U0001F41F]", {"\u00EA", "\U0001F41F"}, {"e"}},
          {R"(\a\f\t\n\r\v)", {"\a\f\t\n\r\v"}, {}},
          {R"(\101\060\x41\x{1F41F}\0)",
           {std::string("A0A\U0001F41F\0", 8)},
           {}},
          {R"(\.\\\_\-\/\#)", {".\\_-/#"}, {"._-/#"}},
          {R"(\Q*a\Eb\Q+\E+)", {"*ab+++"}, {"*ab"}},
          {R"(\Qa\b)", {"a\\b"}, {}},
          {"(?i)k\u00DF[x-z]", {"K\u1E9EX", "\u212A\u00DFy"}, {"jSx"}},
          {"(?i:a)a", {"Aa", "aa"}, {"AA"}},
          {"(?i)[^a]", {"b"}, {"a", "A"}},
          {R"((?i)\w)", {"\u017F"}, {"\u00E9"}},
          {R"((?i)\W)", {"\u00E9"}, {"\u017F", "k"}},
          {"(?P<year>a)(?<_b1>b)", {"ab"}, {"a"}},
          {"a{0}b{0,0}c{0,1}", {"", "c"}, {"a"}},
          {"(?)a", {"a"}, {}},
      },
      {});
}

TEST(RegexToGrammar, AnchorsHoldWhereTheyStand) {
  check(
      {
          {"^a$", {"a"}, {"", "aa"}},
          {R"(\Aa\z)", {"a"}, {""}},
          {"a^b", {}, {"ab", "b", "a"}},
          {"a*^b", {"b"}, {"ab"}},
          {"(^a|b)c", {"ac", "bc"}, {"abc"}},
          {"(^|x)a", {"a", "xa"}, {"xxa"}},
          {"(^a|b)+", {"a", "b", "ab", "abb"}, {"ba", "aa", "aba"}},
          {"(a$|b)+", {"a", "b", "ba", "bba"}, {"ab", "aa"}},
          {"(^a|b){3}", {"abb", "bbb"}, {"ab", "bab", "a"}},
          {"(^a|b$|c)*", {"", "a", "b", "ab", "accb", "c"}, {"ba", "acbc"}},
          {"(^a$|b){2}", {"bb"}, {"a", "ab"}},
          {"(^a$|b?){2}", {"bb", "b", "", "a"}, {"ab", "aa"}},
          {"(^$|b){2}", {"", "bb"}, {"b"}},
          {"$^", {""}, {"a"}},
          {"(^|$|a){3}", {"", "a", "aa", "aaa"}, {"aaaa"}},
          {"(^a|^){2}", {"a", ""}, {"aa"}},
          {"^*a$+", {"a"}, {""}},
      },
      {});
}

TEST(RegexToGrammar, SearchesLikeEcma262) {
  check(
      {
          {"", {"", "anything\n"}, {"\xFF"}},
          {"b", {"b", "abc", "\nb\n"}, {"", "a"}},
          {"^b", {"b", "bc"}, {"ab"}},
          {"b$", {"b", "ab"}, {"bc", "b\n"}},
          {"^a$|^b", {"a", "b", "bx"}, {"ax", "xa"}},
          {"^[^]$", {"a", "\n"}, {"", "ab"}},
          {"[]", {}, {"", "a"}},
          {"^.$", {"a", "\v"}, {"\n", "\r", "\u2028"}},
          {R"(^\s$)",
           {" ", "\v", "\u00A0", "\uFEFF", "\u3000"},
           {"a", "\u200B"}},
          {R"(^\d$)", {"5"}, {"\u0665"}},
          {R"(^\w$)", {"a", "_"}, {"\u00E9"}},
          {R"(^[\u0041-\u{43}\xe9\b]$)", {"B", "\u00E9", "\b"}, {"D"}},
          {R"(^\uD83D\uDC1F$)", {"\U0001F41F"}, {}},
          {R"(^\cJ\0\/\:\"$)", {std::string("\n\0/:\"", 5)}, {}},
          {R"(^[\w-.]+$)", {"a-."}, {"b/"}},
          {R"(^[a-\d]+$)", {"a-5"}, {"b"}},
          {"^[0-9-_]+$", {"5-_"}, {"a"}},
          {"^[[:alpha:]]$", {"a]", ":]"}, {"b", "b]"}},
          {R"(^\p{Letter}\P{L}\p{Script=Greek}$)", {"\u00E91\u03B1"}, {"11a"}},
          {"^(?<name>a)$", {"a"}, {}},
          {"^(?i)a$", {"A"}, {}},
          {"^x{65536}", {}, {"x"}},
          {"^a{1$", {"a{1"}, {"a"}},
      },
      kEcmaSearch);
}

TEST(RegexToGrammar, SaysWhatCannotBeEnforced) {
  EXPECT_EQ(refusal(R"(a\b)"),
            "regular expression \"a\\\\b\": a word boundary, \\b, "
            "cannot be enforced, at byte 1");
  EXPECT_THAT(refusal(R"(\B)"), HasSubstr("word boundary"));
  for (const char* pattern : {R"((a)\1)", R"(\k<a>)", R"(\g1)", "(?P=a)"}) {
    EXPECT_THAT(refusal(pattern), HasSubstr("backreference")) << pattern;
  }
  for (const char* pattern : {"(?=a)", "(?!a)", "(?<=a)", "(?<!a)"}) {
    EXPECT_THAT(refusal(pattern), HasSubstr("lookaround")) << pattern;
    EXPECT_THAT(refusal(pattern, kEcmaSearch), HasSubstr("lookaround"));
  }
  EXPECT_THAT(refusal("(?>a)"), HasSubstr("never goes back"));
  EXPECT_THAT(refusal("(?m)^a"), HasSubstr("lines inside a text"));
  EXPECT_THAT(refusal(R"(\C)"), HasSubstr("single bytes"));
}

TEST(RegexToGrammar, RefusesMalformedPatterns) {
  for (const char* pattern : {"(",
                              ")",
                              "(a",
                              "a)",
                              "(a|b|",
                              "[a-z",
                              "([a-z)",
                              "*",
                              "a|*",
                              "(+)",
                              "{2}",
                              "a**",
                              "a*+",
                              "a{2}{3}",
                              "a{1001}",
                              "a{2,1}",
                              "[z-a]",
                              "[a-\\d]",
                              "\\",
                              "\\Z",
                              "\\8",
                              "\\xg",
                              "\\x{",
                              "\\x{110000}",
                              "\\x{D800}",
                              "\\p{Nothing}",
                              "\\pX",
                              "\\p{L",
                              "[[:foo:]]",
                              "(?P<a>",
                              "(?P<x y>a)",
                              "(?P<>a)",
                              "(?P<a>b)(?P<a>c)",
                              "(?z)",
                              "(?-)",
                              "(?i",
                              "(?i-",
                              "(?",
                              "(?#c)",
                              "(?i)*",
                              "\\u0041",
                              "\xFF",
                              "[\xFF]",
                              "\\\xFF",
                              "\\E",
                              "(a{600}){2}",
                              "\\\u00E9",
                              "(?:a{30}){0,40}"}) {
    EXPECT_THAT(refusal(pattern), HasSubstr("regular expression")) << pattern;
  }
  for (const char* pattern :
       {"[b-a]", "\\uD83D", "[\\uD800-\\uDFFF]", "\\u004", "\\a", "\\A", "\\1",
        "\\p", "\\pL", "\\p{Greek=Greek}", "a++", "\\Qa\\E", "x{2000000000}",
        "\\xa", "\\08"}) {
    EXPECT_THAT(refusal(pattern, kEcmaSearch), HasSubstr("regular expression"))
        << pattern;
  }
}

TEST(RegexToGrammar, StandsHostilePatterns) {
  EXPECT_THAT(refusal(std::string(10 << 20, 'a')), HasSubstr("65536"));
  EXPECT_THAT(refusal(std::string(60'000, '(')), HasSubstr("nested"));
  EXPECT_THAT(refusal("((a{1,1000}){1,1000}){1,1000}"), HasSubstr("nested"));
  EXPECT_THAT(refusal("a{1,1000000}"), HasSubstr("1000 repetitions"));
  std::string stars = "a";
  for (int i = 0; i < 140; ++i) stars = "(?:" + stars + ")*";
  EXPECT_TRUE(fits(stars, "aaa"));
  std::string anchors;
  for (int i = 0; i < 5000; ++i) anchors += "(^|a)";
  EXPECT_EQ(refusal(anchors), "not refused");
  std::string alternatives;
  for (int i = 0; i < 140; ++i) alternatives += "(a|b|";
  alternatives += "c" + std::string(140, ')');
  EXPECT_TRUE(fits(alternatives, "c"));
}

// Patterns of all that both engines read alike: with (?i), the Kelvin sign is
// one of RE2's \w, and none of PCRE2's.
class RandomPattern {
 public:
  explicit RandomPattern(unsigned seed) : random_(seed) {}

  std::string choice(int depth) {
    std::string out = sequence(depth);
    while (below(4) == 0) out += "|" + sequence(depth);
    return out;
  }

  // A text of characters that patterns are about.
  std::string text() {
    std::string out;
    for (std::size_t i = below(6); i > 0; --i) out += character();
    return out;
  }

 private:
  std::size_t below(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most - 1)(random_);
  }

  std::string character() {
    static const std::vector<std::string> kCharacters = {
        "a",      "b", "A", "1",  "_", "-",          "\u00E9", "\u00C9",
        "\u03B1", "k", "K", "\n", " ", "\U0001F41F", "]"};
    return kCharacters[below(kCharacters.size())];
  }

  std::string literal() {
    const std::string c = character();
    return c == "]" || c == "-" ? "\\" + c : c;
  }

  std::string sequence(int depth) {
    std::string out;
    for (std::size_t i = below(4); i > 0; --i) out += quantified(depth);
    return out;
  }

  std::string quantified(int depth) {
    static const std::vector<std::string> kQuantifiers = {
        "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "??", "{0}", "{2,3}"};
    if (below(9) == 0) return below(2) == 0 ? "^" : "$";
    std::string out = atom(depth);
    if (below(3) == 0) out += kQuantifiers[below(kQuantifiers.size())];
    return out;
  }

  std::string atom(int depth) {
    static const std::vector<std::string> kGroups = {
        "(", "(?:", "(?i:", "(?s:", "(?i-s:"};
    static const std::vector<std::string> kClasses = {
        ".",        "\\d",          "\\D",           "\\w",     "\\W",
        "\\p{L}",   "\\P{L}",       "\\pN",          "\\p{^L}", "[^\\d]",
        "[\\w\\-]", "[[:alpha:]1]", "[^[:^upper:]]", "\\x{e9}", "\\x41",
        "\\Qa-\\E"};
    switch (below(depth > 0 ? 6 : 4)) {
      case 0:
        return kClasses[below(kClasses.size())];
      case 1:
        return (below(3) == 0 ? "[^" : "[") + literal() + literal() + "a-b]";
      case 2:
      case 3:
        return literal();
      default:
        return kGroups[below(kGroups.size())] + choice(depth - 1) + ")";
    }
  }

  std::mt19937 random_;
};

TEST(RegexToGrammar, AgreesWithPcre2OnRandomPatterns) {
  RandomPattern random(16);
  int fitting = 0;
  int others = 0;
  for (int i = 0; i < 700; ++i) {
    const std::string pattern = random.choice(3);
    SCOPED_TRACE(pattern);
    const Grammar whole = grammar_of(pattern);
    const Grammar anywhere = grammar_of(pattern, {.search = true});
    const test::Pcre2 pcre2_whole("\\A(?:" + pattern + ")\\z");
    const test::Pcre2 pcre2_anywhere(pattern);
    for (int k = 0; k < 12; ++k) {
      const std::string text = random.text();
      const bool fits_whole = pcre2_whole.finds(text);
      EXPECT_EQ(test::matches(whole, text), fits_whole) << text;
      EXPECT_EQ(test::matches(anywhere, text), pcre2_anywhere.finds(text))
          << text;
      ++(fits_whole ? fitting : others);
    }
  }
  EXPECT_GT(fitting, 700);
  EXPECT_GT(others, 700);
}

}  // namespace
}  // namespace pilotfish
