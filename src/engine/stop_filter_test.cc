#include "engine/stop_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace pilotfish {
namespace {

TEST(StopFilterTest, CutsBeforeAStopStringThatLiesAcrossPieces) {
  StopFilter filter({"END"});
  EXPECT_EQ(filter.push("one E"), "one ");
  EXPECT_EQ(filter.push("N"), "");
  EXPECT_EQ(filter.push("D two"), "");
  EXPECT_TRUE(filter.found());
  EXPECT_EQ(filter.push("three"), "");
  EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilterTest, ReleasesWhatTurnsOutNotToBeAStopString) {
  StopFilter filter({"END"});
  EXPECT_EQ(filter.push("EN"), "");
  EXPECT_EQ(filter.push("EN"), "EN");
  EXPECT_EQ(filter.finish(), "EN");
  EXPECT_FALSE(filter.found());
}

TEST(StopFilterTest, TakesTheStopStringThatBeginsFirst) {
  StopFilter filter({"cd", "bcde"});
  EXPECT_EQ(filter.push("abcde"), "a");
  EXPECT_TRUE(filter.found());
}

TEST(StopFilterTest, PassesTextUnsearchedWhenToldTo) {
  StopFilter filter({"ab"});
  EXPECT_EQ(filter.push("a"), "");
  EXPECT_EQ(filter.pass("b"), "ab");
  EXPECT_FALSE(filter.found());
}

// Against a search of the whole text so far, on texts of two letters, in which
// false beginnings abound.
TEST(StopFilterTest, AgreesWithASearchOfTheWholeText) {
  std::mt19937 random(1);
  const auto word = [&](size_t longest) {
    std::string text(1 + random() % longest, 'a');
    for (char& c : text) c = static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int trial = 0; trial < 5000; ++trial) {
    std::vector<std::string> stops;
    for (size_t i = random() % 3 + 1; i > 0; --i) stops.push_back(word(6));
    StopFilter filter(stops);
    std::string whole;
    std::string shown;
    size_t end = std::string::npos;
    for (int piece = 0; piece < 12 && end == std::string::npos; ++piece) {
      const std::string text = word(3);
      whole += text;
      shown += filter.push(text);
      for (const std::string& stop : stops) {
        end = std::min(end, whole.find(stop));
      }
      ASSERT_EQ(filter.found(), end != std::string::npos);
      ASSERT_EQ(shown, whole.substr(0, shown.size()));
      // What is held back is the beginning of some stop string.
      const std::string held = whole.substr(shown.size());
      ASSERT_TRUE(filter.found() || held.empty() ||
                  std::any_of(stops.begin(), stops.end(),
                              [&](const std::string& stop) {
                                return stop.size() > held.size() &&
                                       stop.starts_with(held);
                              }))
          << held;
    }
    shown += filter.finish();
    EXPECT_EQ(shown, whole.substr(0, end));
  }
}

}  // namespace
}  // namespace pilotfish
