#include "text/jinja/characters.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace pilotfish::jinja {
namespace {

TEST(Characters, SearchesAgreeWithTheStandardOnes) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 12, ' ');
    std::string needle(random() % 5, ' ');
    for (char& c : text) c = static_cast<char>('a' + random() % 2);
    for (char& c : needle) c = static_cast<char>('a' + random() % 2);
    const size_t from = random() % (text.size() + 2);
    ASSERT_EQ(find_text(text, needle, from), text.find(needle, from))
        << text << " " << needle << " " << from;
    ASSERT_EQ(find_last_text(text, needle), text.rfind(needle))
        << text << " " << needle;
  }
}

TEST(Characters, ReadBackwardsAsForwards) {
  const std::string texts[] = {"aé世🐟", "\xff\x80\x80", "é\x80",
                               "\xc3",  "a\xe4\xb8",    "\xf0\x9f\x90\x9f\x9f"};
  for (const std::string& text : texts) {
    std::vector<size_t> offsets = {text.size()};
    while (offsets.back() > 0) {
      offsets.push_back(offsets.back() -
                        character_before(text, offsets.back()).bytes);
    }
    EXPECT_EQ(std::vector<size_t>(offsets.rbegin(), offsets.rend()),
              character_offsets(text))
        << text;
  }
}

TEST(Characters, SplitLinesAtEveryLineEndOfPython) {
  const std::string text =
      "a\nb\r\nc\rd\x0b"
      "e\x0c"
      "f\x1cg\xc2\x85h\xe2\x80\xa8i";
  EXPECT_EQ(split_lines(text).size(), 9u);
  EXPECT_TRUE(split_lines("").empty());
  EXPECT_EQ(split_lines("\n"), std::vector<std::string_view>{""});
}

}  // namespace
}  // namespace pilotfish::jinja
