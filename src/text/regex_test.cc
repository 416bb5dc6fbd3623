#include "text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using testing::ElementsAre;

std::vector<std::string> matches(std::string_view pattern,
                                 std::string_view text) {
  std::vector<Span> spans;
  Regex(pattern).find_all(text, spans);
  std::vector<std::string> found;
  for (const Span span : spans) {
    found.emplace_back(text.substr(span.begin, span.size()));
  }
  return found;
}

constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

TEST(Regex, ReadsClassesAsOnigurumaDoes) {
  // White_Space has U+0085 and U+3000, and not U+180E or U+200B.
  EXPECT_THAT(matches(R"(\s)", "a\u0085b\u3000c\u180Ed\u200Be"),
              ElementsAre("\u0085", "\u3000"));
  EXPECT_THAT(matches(R"([^\S]+)", "a \tb"), ElementsAre(" \t"));
  EXPECT_THAT(matches(R"(\w+)", "na\u0308ive_\u0967 x"),
              ElementsAre("na\u0308ive_\u0967", "x"));
  EXPECT_THAT(matches(R"(\W+)", "a -b"), ElementsAre(" -"));
  EXPECT_THAT(matches(R"([\w-]+)", "a-b c"), ElementsAre("a-b", "c"));
  EXPECT_THAT(matches(R"([\u4e00-\u9fff]+)", "a\u6F22\u5B57z"),
              ElementsAre("\u6F22\u5B57"));
}

TEST(Regex, AnchorsHoldAtLinesAndDotStopsThere) {
  EXPECT_THAT(matches("^.", "ab\ncd"), ElementsAre("a", "c"));
  EXPECT_THAT(matches(".+$", "ab\ncd"), ElementsAre("ab", "cd"));
}

TEST(Regex, LeavesOutEmptyMatches) {
  EXPECT_THAT(matches("b*", "abba\u00E9"), ElementsAre("bb"));
  EXPECT_THAT(matches("(?=a)", "aa"), ElementsAre());
  EXPECT_THAT(matches(R"(ab\K)", "abab"), ElementsAre());
}

TEST(Regex, MatchesEndAtBytesThatAreNoUtf8) {
  EXPECT_THAT(matches(R"(\p{L}+)",
                      "ab\xFF"
                      "cd\xC3"),
              ElementsAre("ab", "cd"));
  EXPECT_THAT(matches(R"([^x]+)", "\xFF\xFE"), ElementsAre());
}

TEST(Regex, RefusesMalformedPatterns) {
  for (const char* pattern : {"(", "[a", R"(\p{Nothing})", "a{2,1}", R"(\C)"}) {
    EXPECT_THROW(Regex{pattern}, Error) << pattern;
  }
  EXPECT_THROW(Regex(std::string(1 << 17, 'a')), Error);
  EXPECT_THROW(Regex(std::string(5000, '(')), Error);
  try {
    Regex("a(b\nc");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string_view(e.what()).find('\n'), std::string_view::npos);
  }
}

TEST(Regex, GivesUpOnEndlessBacktracking) {
  const Regex regex("(a|aa)+$");
  std::vector<Span> spans;
  EXPECT_THROW(regex.find_all(std::string(1000, 'a') + "b", spans), Error);
}

TEST(Regex, RealPatternsStandLongRuns) {
  const Regex regex(kLlama3);
  for (const char c : {' ', 'a', '\n', '1', '!', '\t'}) {
    for (const char* end : {"", "x", "\n", " y"}) {
      const std::string text = std::string(1 << 18, c) + end;
      std::vector<Span> spans;
      regex.find_all(text, spans);
      size_t covered = 0;
      for (const Span span : spans) {
        EXPECT_EQ(span.begin, covered);
        covered = span.end;
      }
      EXPECT_EQ(covered, text.size());
    }
  }
}

}  // namespace
}  // namespace pilotfish
