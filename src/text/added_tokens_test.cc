#include "text/added_tokens.h"

#include <gtest/gtest.h>

#include <random>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// "[7]" for token 7, plain text for what lies between, "|" after each.
std::string split(const std::vector<AddedToken>& tokens, std::string_view text,
                  bool parse_special = true) {
  std::vector<std::pair<std::string, AddedToken>> named;
  for (const AddedToken& token : tokens) named.emplace_back(token.text, token);
  std::string shown;
  for (const TextSegment& segment :
       AddedTokens(named).split(text, parse_special)) {
    if (segment.token >= 0) {
      shown.append("[").append(std::to_string(segment.token)).append("]");
    } else {
      shown += segment.text;
    }
    shown += "|";
  }
  return shown;
}

TEST(AddedTokens, TheLongestAndLeftmostIsTaken) {
  const std::vector<AddedToken> tokens = {{.id = 1, .text = "<a"},
                                          {.id = 2, .text = "<a>"},
                                          {.id = 3, .text = "a>b"}};
  EXPECT_EQ(split(tokens, "x<a>b<a"), "x|[2]|b|[1]|");
  EXPECT_EQ(split(tokens, "<a><a>"), "[2]|[2]|");
  EXPECT_EQ(split(tokens, "a>b"), "[3]|");
  EXPECT_EQ(split(tokens, ""), "");
}

TEST(AddedTokens, SpecialOnesOnlyIfAsked) {
  const std::vector<AddedToken> tokens = {
      {.id = 1, .text = "<s>", .special = true}, {.id = 2, .text = "<t>"}};
  EXPECT_EQ(split(tokens, "<s><t>"), "[1]|[2]|");
  EXPECT_EQ(split(tokens, "<s><t>", false), "<s>|[2]|");
}

TEST(AddedTokens, StripTakesTheWhiteSpaceBeside) {
  const std::vector<AddedToken> left = {{.id = 1, .text = "T", .lstrip = true}};
  EXPECT_EQ(split(left, "a \u3000T b"), "a|[1]| b|");
  EXPECT_EQ(split(left, "T  T"), "[1]|[1]|");
  const std::vector<AddedToken> right = {
      {.id = 1, .text = "T", .rstrip = true}};
  EXPECT_EQ(split(right, "a T \n b"), "a |[1]|b|");
}

// The values are those of Hugging Face's find_matches, which goes on behind a
// token as it is spelled.
TEST(AddedTokens, WhiteSpaceTakenOnTheRightStillBeginsTheNextToken) {
  const std::vector<AddedToken> tokens = {
      {.id = 1, .text = "T", .rstrip = true},
      {.id = 2, .text = "\n\n"},
      {.id = 3, .text = " U", .lstrip = true},
      {.id = 4, .text = "V", .lstrip = true}};
  EXPECT_EQ(split(tokens, "aT\n\nb"), "a|[1]|[2]|b|");
  EXPECT_EQ(split(tokens, "T \n\n\tb"), "[1]|[2]|\tb|");
  EXPECT_EQ(split(tokens, "T  Ub"), "[1]|[3]|b|");
  EXPECT_EQ(split(tokens, "T  V b"), "[1]|[4]| b|");
  EXPECT_EQ(split(tokens, "T \nb"), "[1]|b|");
}

TEST(AddedTokens, SingleWordsTouchNoWord) {
  const std::vector<AddedToken> tokens = {
      {.id = 1, .text = "cat", .single_word = true}};
  EXPECT_EQ(split(tokens, "cat"), "[1]|");
  EXPECT_EQ(split(tokens,
                  "a cat, concat cats \u00E9"
                  "cat cat\xFF"),
            "a |[1]|, concat cats \u00E9"
            "cat |[1]|\xFF|");
}

TEST(AddedTokens, IdsAndTextsMustAgree) {
  Vocabulary vocabulary;
  vocabulary.add(0, "a");
  vocabulary.add(1, "b");
  add_tokens({{.id = 0, .text = "a"}, {.id = 5, .text = "c"}}, vocabulary, "f");
  EXPECT_EQ(vocabulary.find("c"), 5);
  EXPECT_THROW(add_tokens({{.id = 1, .text = "d"}}, vocabulary, "f"), Error);
  EXPECT_THROW(add_tokens({{.id = 6, .text = "a"}}, vocabulary, "f"), Error);
  EXPECT_THROW(add_tokens({{.id = 1 << 30, .text = "e"}}, vocabulary, "f"),
               Error);
}

// Against trying every phrase at every place.
TEST(PhraseMatcher, FindsWhatASearchFinds) {
  std::mt19937 random(3);
  const auto word = [&](size_t most) {
    std::string text;
    for (size_t k = 1 + random() % most; k > 0; --k) {
      text += static_cast<char>('a' + random() % 3);
    }
    return text;
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<std::pair<std::string, Token>> phrases;
    for (Token id = 0; id < 6; ++id) phrases.emplace_back(word(4), id);
    const PhraseMatcher matcher(phrases);
    const std::string text = word(20);
    std::optional<PhraseMatcher::Match> expected;
    for (size_t at = 0; at < text.size() && !expected; ++at) {
      for (const auto& [phrase, id] : phrases) {
        if (text.compare(at, phrase.size(), phrase) != 0) continue;
        if (!expected || phrase.size() > expected->end - at) {
          expected = {at, at + phrase.size(), id};
        }
      }
    }
    const auto found = matcher.find(text, 0);
    ASSERT_EQ(found.has_value(), expected.has_value());
    if (!found) continue;
    EXPECT_EQ(found->begin, expected->begin);
    EXPECT_EQ(found->end, expected->end);
    EXPECT_EQ(found->token, expected->token);
  }
}

}  // namespace
}  // namespace pilotfish
