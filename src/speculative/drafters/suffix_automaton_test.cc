#include "speculative/drafters/suffix_automaton.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace pilotfish {
namespace {

using Tokens = std::vector<Token>;

// The substring occurs in `text` ending behind index `end`.
bool ends_at(const Tokens& text, std::int64_t end, const Tokens& part) {
  return end >= std::ssize(part) &&
         std::equal(part.begin(), part.end(),
                    text.begin() + (end - std::ssize(part)));
}

Tokens last(const Tokens& text, std::int64_t count) {
  return {text.end() - count, text.end()};
}

// Places behind which the part occurs, up to `most`.
std::int64_t occurrences(const Tokens& text, const Tokens& part,
                         std::int64_t most) {
  std::int64_t count = 0;
  for (std::int64_t end = 0; end <= most; ++end) {
    count += ends_at(text, end, part) ? 1 : 0;
  }
  return count;
}

std::int64_t longest_repeated_suffix(const Tokens& text) {
  std::int64_t length = 0;
  while (length + 1 < std::ssize(text) &&
         occurrences(text, last(text, length + 1), std::ssize(text) - 1) > 0) {
    ++length;
  }
  return length;
}

std::vector<Tokens> texts() {
  std::vector<Tokens> texts = {{}, {7}, Tokens(60, 3)};
  std::mt19937 random(1);
  for (const int alphabet : {2, 3, 5, 50}) {
    for (int repeat = 0; repeat < 6; ++repeat) {
      Tokens& text = texts.emplace_back();
      for (int i = 0; i < 90; ++i) {
        // Also ids that differ in their high bits alone.
        text.push_back(static_cast<Token>(random() % alphabet) * 100003);
      }
    }
  }
  return texts;
}

TEST(SuffixAutomaton, FindsTheLongestRepeatedSuffixAndWhereItWas) {
  for (const Tokens& whole : texts()) {
    SuffixAutomaton automaton;
    Tokens text;
    for (const Token token : whole) {
      text.push_back(token);
      automaton.extend(token);
      const auto found = automaton.repeated_suffix();
      ASSERT_EQ(found.length, longest_repeated_suffix(text));
      if (found.length == 0) continue;
      EXPECT_LT(automaton.repeated_end(), std::ssize(text));
      EXPECT_TRUE(
          ends_at(text, automaton.repeated_end(), last(text, found.length)));
    }
    EXPECT_EQ(automaton.size(), std::ssize(whole));
  }
}

TEST(SuffixAutomaton, TheLatestPlaceIsTold) {
  SuffixAutomaton automaton;
  for (const Token token : {1, 2, 9, 1, 2, 8, 1, 2}) automaton.extend(token);
  EXPECT_EQ(automaton.repeated_suffix().length, 2);
  EXPECT_EQ(automaton.repeated_end(), 5);
}

TEST(SuffixAutomaton, FollowsAnotherText) {
  std::mt19937 random(2);
  for (const Tokens& text : texts()) {
    SuffixAutomaton automaton;
    for (const Token token : text) automaton.extend(token);
    Tokens other;
    SuffixAutomaton::Match match;
    for (int i = 0; i < 60; ++i) {
      other.push_back(text.empty() || random() % 8 == 0
                          ? static_cast<Token>(random() % 4) * 100003
                          : text[random() % text.size()]);
      match = automaton.follow(match, other.back());
      std::int64_t expected = 0;
      for (std::int64_t n = 1; n <= std::ssize(other); ++n) {
        if (occurrences(text, last(other, n), std::ssize(text)) > 0) {
          expected = n;
        }
      }
      ASSERT_EQ(match.length, expected);
    }
  }
}

TEST(SuffixAutomaton, KnowsWhatMostlyFollows) {
  for (const Tokens& text : texts()) {
    SuffixAutomaton automaton;
    for (const Token token : text) automaton.extend(token);
    automaton.count_occurrences();
    // Every substring of up to five tokens.
    for (std::int64_t begin = 0; begin < std::ssize(text); ++begin) {
      SuffixAutomaton::Match match;
      Tokens part;
      for (std::int64_t i = begin; i < std::min(begin + 5, std::ssize(text));
           ++i) {
        part.push_back(text[static_cast<size_t>(i)]);
        match = automaton.follow(match, part.back());
        std::map<Token, int> followers;
        for (std::int64_t end = 0; end < std::ssize(text); ++end) {
          if (ends_at(text, end, part)) {
            ++followers[text[static_cast<size_t>(end)]];
          }
        }
        Token expected = -1;
        for (const auto& [token, count] : followers) {
          if (expected < 0 || count > followers[expected]) expected = token;
        }
        const auto next = automaton.likely_next(match);
        ASSERT_EQ(next.token, expected);
        if (expected < 0) continue;
        EXPECT_EQ(next.match.state, automaton.follow(match, expected).state);
      }
    }
  }
}

TEST(SuffixAutomaton, ALongTextOfOneTokenTakesNoLonger) {
  SuffixAutomaton automaton;
  for (int i = 0; i < 300000; ++i) automaton.extend(5);
  EXPECT_EQ(automaton.repeated_suffix().length, 299999);
}

}  // namespace
}  // namespace pilotfish
